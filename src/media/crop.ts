import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'

/**
 * The `width` x `height` rectangle of `image` whose upper left pixel is (x, y), copied.
 *
 * @throws Text2LiveError SHAPE_MISMATCH when the rectangle is empty, not whole, or reaches past the image.
 */
export function crop(image: FloatImage, x: number, y: number, width: number, height: number): FloatImage {
  const whole = [x, y, width, height].every(Number.isInteger)
  if (!whole || x < 0 || y < 0 || width < 1 || height < 1 || x + width > image.width || y + height > image.height) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `crop expected a rectangle of whole pixels inside ${image.width}x${image.height}, got ${width}x${height} at (${x}, ${y}).`,
    )
  }
  const data = new Float32Array(image.channels * width * height)
  for (let c = 0; c < image.channels; c++) {
    for (let row = 0; row < height; row++) {
      const from = (c * image.height + y + row) * image.width + x
      data.set(image.data.subarray(from, from + width), (c * height + row) * width)
    }
  }
  return { width, height, channels: image.channels, data }
}
