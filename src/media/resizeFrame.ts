import { dequantise, pixelImage, quantise } from './quantise.js'
import { resize } from './resample.js'

/**
 * Resizes a frame by an antialiased bicubic filter (as Pillow does).
 *
 * @param pixels `height * width * 3` bytes, RGB
 */
export function resizeFrame(pixels: Uint8Array, width: number, height: number, toWidth: number, toHeight: number): Uint8Array {
  if (width === toWidth && height === toHeight) return pixels
  return quantise(resize(dequantise(pixelImage(width, height, 3, pixels)), toWidth, toHeight, { filter: 'bicubic', antialias: true }), 8).data as Uint8Array
}
