import type { FloatImage } from './image.js'
import { dequantise, pixelImage, quantise } from './quantise.js'
import { resize } from './resample.js'

/**
 * Resizes a frame by an antialiased bicubic filter (as Pillow does).
 *
 * @param pixels `height * width * channels` bytes, RGB or a plane
 */
export function resizeFrame(
  pixels: Uint8Array,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
  channels: 1 | 3 = 3,
): Uint8Array {
  return width === toWidth && height === toHeight
    ? pixels
    : toFrame(dequantise(pixelImage(width, height, channels, pixels)), toWidth, toHeight)
}

/** A picture as a frame of that size: `height * width * channels` bytes. */
export function toFrame(image: FloatImage, width: number, height: number): Uint8Array {
  const resized =
    image.width === width && image.height === height
      ? image
      : resize(image, width, height, { filter: 'bicubic', antialias: true })
  return quantise(resized, 8).data as Uint8Array
}
