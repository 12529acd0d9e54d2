import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'
import { pixelImage, type PixelImage } from './quantise.js'
import { sniffFormat, type PhotoFormat } from './sniffFormat.js'
import { alphaStrips, colourStrips, wholeOf } from './strips.js'

/** A photo, decoded. */
export interface Photo {
  /** RGB, or RGBA with straight alpha where the photo is not opaque all over; upright, sRGB. */
  readonly pixels: PixelImage
  /**
   * The colours as planes in [0, 1], made anew each time it is read: 12 bytes a pixel, so of a large photo better in
   * strips of `pixels`.
   */
  readonly rgb: FloatImage
  /** The photo's own alpha, 1 channel, where it is not opaque all over; made anew each time it is read. */
  readonly alpha: FloatImage | undefined
  readonly bitDepth: 8 | 16
  readonly format: PhotoFormat
  /** The EXIF orientation that was applied, 1 to 8. */
  readonly orientation: number
  /** The file as it was read. */
  readonly bytes: Uint8Array
  /** What a person might not expect of how it was read. */
  readonly notes?: readonly string[]
}

const minSide = 32
/** Decoded with 8 bits a sample, RGB, this is 300 MB. */
export const maxPixels = 100_000_000

/**
 * @param name as messages call the picture
 * @throws Text2LiveError INPUT_TOO_SMALL (a side under 32 px), INPUT_TOO_LARGE (over 100 megapixels)
 */
export function assertPhotoSize(name: string, width: number, height: number): void {
  assertNotTooLarge(name, width, height)
  if (width >= minSide && height >= minSide) return
  throw new Text2LiveError(
    'INPUT_TOO_SMALL',
    `${name} is ${width}x${height}; each side must have at least ${minSide} px. Give a larger photo.`,
  )
}

/** @throws Text2LiveError INPUT_TOO_LARGE */
export function assertNotTooLarge(name: string, width: number, height: number): void {
  if (width * height <= maxPixels) return
  throw new Text2LiveError(
    'INPUT_TOO_LARGE',
    `${name} is ${width}x${height}, ${Math.round((width * height) / 1e6)} megapixels; ` +
      `at most ${maxPixels / 1e6} megapixels can be edited. Make the image smaller.`,
  )
}

/**
 * A photo of decoded pixels; alpha that hides nothing is dropped.
 * @throws Text2LiveError MASK_INVALID where it is transparent all over
 */
export function photoOf(
  name: string,
  decoded: PixelImage,
  file: Pick<Photo, 'format' | 'orientation' | 'bytes' | 'notes'>,
): Photo {
  const pixels = withoutOpaqueAlpha(decoded)
  if (pixels.channels === 4 && everyAlpha(pixels, 0)) {
    throw new Text2LiveError(
      'MASK_INVALID',
      `${name} is transparent all over, and its alpha bounds the edit. Give a photo with something to see.`,
    )
  }
  return {
    pixels,
    bitDepth: pixels.bitDepth,
    ...file,
    get rgb() {
      return wholeOf(colourStrips(pixels))
    },
    get alpha() {
      return pixels.channels === 4 ? wholeOf(alphaStrips(pixels)) : undefined
    },
  }
}

/** The error of a picture that cannot be decoded. */
export function damagedImage(name: string, format: string, cause: unknown): Text2LiveError {
  if (cause instanceof Text2LiveError) return cause
  const reason = (cause instanceof Error ? cause.message : String(cause)).trim().split('\n').at(-1)
  return new Text2LiveError(
    'INPUT_TRUNCATED',
    `Expected a whole ${format} file, but ${name} is cut short or damaged (${reason}). Copy or export it again.`,
    { cause },
  )
}

/**
 * The format of a picture that can be read.
 * @throws Text2LiveError INPUT_EMPTY, INPUT_NOT_IMAGE
 */
export function formatOf(
  name: string,
  bytes: Uint8Array,
): { readonly format: PhotoFormat; readonly looksLike: string } {
  if (bytes.length === 0)
    throw new Text2LiveError('INPUT_EMPTY', `${name} is empty (0 bytes). Give a JPEG, PNG, WebP, AVIF or TIFF file.`)
  const { format, looksLike, remedy } = sniffFormat(bytes)
  if (format) return { format, looksLike }
  throw new Text2LiveError(
    'INPUT_NOT_IMAGE',
    `Expected a JPEG, PNG, WebP, AVIF or TIFF file, but ${name} looks like ${looksLike}. ${remedy}`,
  )
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
