import type { PictureSource } from '../imageCodec.js'
import { assertPhotoSize, photoOf, type Photo } from '../photo.js'
import { decodePixels, readHeader } from './readImage.js'

/**
 * Reads a photo: JPEG, PNG, WebP, AVIF or TIFF, 8 or 16 bits; EXIF orientation and ICC profile are applied.
 * The size is checked from the header, before anything is decoded.
 *
 * @param source path, or the file's bytes
 * @throws Text2LiveError INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_IMAGE, INPUT_TRUNCATED, INPUT_TOO_SMALL (a side under
 *   32 px), INPUT_TOO_LARGE (over 100 megapixels), MASK_INVALID (transparent all over)
 */
export async function decodePhoto(source: PictureSource): Promise<Photo> {
  const header = await readHeader(source)
  const { name, width, height, format, orientation, bytes } = header
  assertPhotoSize(name, width, height)
  return photoOf(name, await decodePixels(header), { format, orientation, bytes })
}
