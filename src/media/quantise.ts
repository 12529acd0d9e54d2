import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'

/**
 * An image as files hold it: interleaved (HWC) whole numbers, sRGB-encoded, straight alpha as 4th channel where there
 * is one.
 */
export type PixelImage = {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3 | 4
} & ({ readonly bitDepth: 8; readonly data: Uint8Array } | { readonly bitDepth: 16; readonly data: Uint16Array })

/** Nearest whole number to `value * (2^bitDepth - 1)`; values outside [0, 1] are clamped, NaN is an error. */
export function quantise(image: FloatImage, bitDepth: 8 | 16): PixelImage {
  const { width, height, channels } = image
  const plane = width * height
  if (image.data.length !== channels * plane) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `quantise expected ${channels}x${height}x${width} = ${channels * plane} values, got ${image.data.length}.`,
    )
  }
  const top = bitDepth === 8 ? 255 : 65535
  const data = bitDepth === 8 ? new Uint8Array(channels * plane) : new Uint16Array(channels * plane)
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) {
      const value = image.data[c * plane + i]!
      if (Number.isNaN(value))
        throw new Text2LiveError('INTERNAL', `quantise expected numbers, got NaN in channel ${c} at pixel ${i}.`)
      // Storing drops the fraction.
      data[i * channels + c] = value <= 0 ? 0 : value >= 1 ? top : value * top + 0.5
    }
  }
  return pixelImage(width, height, channels, data)
}

/**
 * The inverse of {@link quantise}: planar float32 in [0, 1]. `quantise(dequantise(p), p.bitDepth)` gives `p` back,
 * exactly.
 */
export function dequantise(pixels: PixelImage): FloatImage {
  const { width, height, channels } = pixels
  const plane = width * height
  const top = pixels.bitDepth === 8 ? 255 : 65535
  const data = new Float32Array(channels * plane)
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) data[c * plane + i] = pixels.data[i * channels + c]! / top
  }
  return { width, height, channels, data }
}

/** Wraps interleaved samples; the array's type says the bit depth. */
export function pixelImage(
  width: number,
  height: number,
  channels: 1 | 3 | 4,
  data: Uint8Array | Uint16Array,
): PixelImage {
  if (data.length !== width * height * channels) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `A pixel image expected ${height}x${width}x${channels} = ${width * height * channels} samples, got ${data.length}.`,
    )
  }
  return data instanceof Uint16Array
    ? { width, height, channels, bitDepth: 16, data }
    : { width, height, channels, bitDepth: 8, data }
}

/** `pixels` with 8 bits per sample, rounded to nearest; unchanged when it has 8 already. */
export function toEightBits(pixels: PixelImage): PixelImage & { readonly bitDepth: 8; readonly data: Uint8Array } {
  if (pixels.bitDepth === 8) return pixels
  const data = new Uint8Array(pixels.data.length)
  for (let i = 0; i < data.length; i++) data[i] = Math.round(pixels.data[i]! / 257)
  return { width: pixels.width, height: pixels.height, channels: pixels.channels, bitDepth: 8, data }
}
