import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../image.js'
import { pixelImage, type PixelImage } from '../quantise.js'
import { alphaStrips, colourStrips, wholeOf } from '../strips.js'
import { decodePixels, readHeader } from './readImage.js'
import type { PhotoFormat } from './sniffFormat.js'

export interface Photo {
  /** RGB, or RGBA with straight alpha where the photo is not opaque all over; upright, sRGB. */
  readonly pixels: PixelImage
  /** The colours as planes in [0, 1], made anew each time it is read: 12 bytes a pixel, so of a large photo better in strips of `pixels`. */
  readonly rgb: FloatImage
  /** The photo's own alpha, 1 channel, where it is not opaque all over; made anew each time it is read. */
  readonly alpha: FloatImage | undefined
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
  const pixels = withoutOpaqueAlpha(await decodePixels(header))
  if (pixels.channels === 4 && everyAlpha(pixels, 0)) {
    throw new Text2LiveError('MASK_INVALID', `${name} is transparent all over, and its alpha bounds the edit. Give a photo with something to see.`)
  }
  return {
    pixels, bitDepth, format, orientation, bytes,
    get rgb() { return wholeOf(colourStrips(pixels)) },
    get alpha() { return pixels.channels === 4 ? wholeOf(alphaStrips(pixels)) : undefined },
  }
}

function everyAlpha({ data }: PixelImage, value: number): boolean {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== value) return false
  return true
}

/** Alpha that hides nothing is none. The colours move together in place, so that no second picture is needed. */
function withoutOpaqueAlpha(pixels: PixelImage): PixelImage {
  const { width, height, channels, data } = pixels
  if (channels !== 4 || !everyAlpha(pixels, pixels.bitDepth === 8 ? 255 : 65535)) return pixels
  const plane = width * height
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) data[3 * i + c] = data[4 * i + c]!
  }
  return pixelImage(width, height, 3, data.subarray(0, 3 * plane))
}
