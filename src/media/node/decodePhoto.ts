import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../image.js'
import { decodeImage, readHeader } from './readImage.js'
import type { PhotoFormat } from './sniffFormat.js'

export interface Photo {
  /** RGB, upright, sRGB, [0, 1]. */
  readonly rgb: FloatImage
  /** The photo's own alpha, 1 channel, where it is not opaque all over. */
  readonly alpha?: FloatImage
  readonly bitDepth: 8 | 16
  readonly format: PhotoFormat
  /** The EXIF orientation that was applied, 1 to 8. */
  readonly orientation: number
  /** The file as it was read. */
  readonly bytes: Uint8Array
}

const minSide = 32

/**
 * Reads a photo: JPEG, PNG, WebP, AVIF or TIFF, 8 or 16 bits; EXIF orientation and ICC profile are applied.
 * The size is checked from the header, before anything is decoded.
 *
 * @param source path, or the file's bytes
 * @throws Text2LiveError INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_IMAGE, INPUT_TRUNCATED, INPUT_TOO_SMALL (a side under 32 px),
 *   INPUT_TOO_LARGE (over 100 megapixels), MASK_INVALID (transparent all over)
 */
export async function decodePhoto(source: string | Uint8Array): Promise<Photo> {
  const header = await readHeader(source)
  const { name, width, height, bitDepth, format, orientation, bytes } = header
  if (width < minSide || height < minSide) {
    throw new Text2LiveError('INPUT_TOO_SMALL', `${name} is ${width}x${height}; each side must have at least ${minSide} px. Give a larger photo.`)
  }
  const { rgb, alpha } = await decodeImage(header)
  const photo = { rgb, bitDepth, format, orientation, bytes }
  if (!alpha || alpha.data.every((value) => value === 1)) return photo
  if (alpha.data.every((value) => value === 0)) {
    throw new Text2LiveError('MASK_INVALID', `${name} is transparent all over, and its alpha bounds the edit. Give a photo with something to see.`)
  }
  return { ...photo, alpha }
}
