import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../image.js'
import { decodeImage, readHeader } from './readImage.js'

/**
 * Reads a mask: where the edit may be (1) and where not (0). Its alpha where that is not opaque all over, else its luma.
 *
 * @param source path, or the file's bytes
 * @param width of the photo, upright
 * @param height of the photo, upright
 * @param empty whether a mask that is black all over is taken
 * @returns 1 channel, [0, 1]
 * @throws Text2LiveError MASK_INVALID for another size or an empty mask; as `decodePhoto` for a file that cannot be read
 */
export async function decodeMask(source: string | Uint8Array, width: number, height: number, empty = false): Promise<FloatImage> {
  const header = await readHeader(source)
  if (header.width !== width || header.height !== height) {
    throw new Text2LiveError('MASK_INVALID',
      `The mask must have the photo's size, ${width}x${height}, but ${header.name} is ${header.width}x${header.height}. Resize or crop it.`)
  }
  const { rgb, alpha } = await decodeImage(header)
  const plane = width * height
  const data = alpha?.data.some((value) => value < 1)
    ? alpha.data
    : Float32Array.from({ length: plane }, (_, i) => 0.299 * rgb.data[i]! + 0.587 * rgb.data[plane + i]! + 0.114 * rgb.data[2 * plane + i]!)
  if (!empty && data.every((value) => value < 0.5 / 255)) {
    throw new Text2LiveError('MASK_INVALID',
      `${header.name} is black (or transparent) all over, so nothing could be edited. Paint white where the edit may be.`)
  }
  return { width, height, channels: 1, data }
}
