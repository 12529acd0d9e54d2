import type { DecodedMask, ImageCodec, PictureSource } from '../imageCodec.js'
import { assertMaskSize, readMask } from '../maskPicture.js'
import { maskPicture } from './maskPicture.js'
import { readHeader } from './readImage.js'

/**
 * Reads the mask that bounds an edit: where it may be (1) and where not (0), as `MaskReading` says.
 *
 * @param source path, or the file's bytes
 * @param width of the photo, upright
 * @param height of the photo, upright
 * @throws Text2LiveError MASK_INVALID for another size or a mask that lets no edit be seen; as `decodePhoto` for a file
 *   that cannot be read
 */
export async function decodeMask(source: PictureSource, width: number, height: number): Promise<DecodedMask> {
  const header = await readHeader(source)
  assertMaskSize(header.name, header, width, height)
  return { ...readMask(await maskPicture(header)), format: header.format, bytes: header.bytes }
}

/** See `ImageCodec.decodeMaskPicture`. */
export const decodeMaskPicture: ImageCodec['decodeMaskPicture'] = async (source, assertSize) => {
  const header = await readHeader(source)
  assertSize(header.name, header)
  return await maskPicture(header)
}
