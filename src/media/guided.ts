import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'
import { localAffine } from './localAffine.js'

export { refineLayer, type RefineOptions } from './refineLayer.js'

/**
 * Guided image filter (He, Sun, Tang 2013) with a colour guide: smooths `target` where the guide is smooth and follows
 * its edges. Results may leave the target's range a little; they are not clamped.
 *
 * @param guide 3 channels, [0, 1]
 * @param target any number of channels, the guide's size
 * @param radius of the window, pixels, whole and at least 1
 * @param epsilon squared contrast below which guide edges are smoothed over, for instance 0.02 ** 2
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function guidedFilter(guide: FloatImage, target: FloatImage, radius: number, epsilon: number): FloatImage {
  const { width, height, channels } = target
  const plane = width * height
  if (guide.width !== width || guide.height !== height || !Number.isInteger(radius) || radius < 1 || !(epsilon > 0)) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `guidedFilter expected guide and target of one size, a whole radius >= 1 and epsilon > 0, got ${guide.width}x${guide.height}, ` +
        `${width}x${height}, radius ${radius}, epsilon ${epsilon}.`,
    )
  }
  const planes = Array.from({ length: channels }, (_, c) => target.data.subarray(c * plane, (c + 1) * plane))
  const data = new Float32Array(channels * plane)
  localAffine(guide, planes, radius, epsilon).forEach(({ slope, offset }, c) => {
    for (let i = 0; i < plane; i++) {
      data[c * plane + i] =
        slope[0][i]! * guide.data[i]! +
        slope[1][i]! * guide.data[plane + i]! +
        slope[2][i]! * guide.data[2 * plane + i]! +
        offset[i]!
    }
  })
  return { width, height, channels, data }
}
