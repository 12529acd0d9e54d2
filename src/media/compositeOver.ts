import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'

/**
 * The edit layer over a background: `alpha * colour + (1 - alpha) * background` (paper, Eq. 1), per channel in sRGB
 * values.
 *
 * @param layer RGBA with straight alpha, 4 channels
 * @param background RGB of the same size, or one colour `[r, g, b]` for all of it
 * @returns RGB, 3 channels
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function compositeOver(
  layer: FloatImage,
  background: FloatImage | readonly [number, number, number],
): FloatImage {
  const { width, height } = layer
  const plane = width * height
  const image = 'data' in background ? background : undefined
  if (layer.channels !== 4 || (image && (image.channels !== 3 || image.width !== width || image.height !== height))) {
    const came = image ? `${image.channels}x${image.height}x${image.width}` : 'one colour'
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `compositeOver expected a 4-channel layer and a 3-channel background of its size, got ${layer.channels}x${height}x${width} over ${came}.`,
    )
  }
  const alpha = layer.data.subarray(3 * plane)
  const data = new Float32Array(3 * plane)
  for (let c = 0; c < 3; c++) {
    const colour = layer.data.subarray(c * plane, (c + 1) * plane)
    const under = image?.data.subarray(c * plane, (c + 1) * plane)
    const flat = 'data' in background ? 0 : background[c]!
    for (let i = 0; i < plane; i++) {
      const a = alpha[i]!
      data[c * plane + i] = a * colour[i]! + (1 - a) * (under ? under[i]! : flat)
    }
  }
  return { width, height, channels: 3, data }
}
