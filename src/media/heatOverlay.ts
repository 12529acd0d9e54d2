import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'
import { lumaAt } from './luma.js'

/**
 * The ramp from 0 to 1, RGB: dark blue, violet, orange, yellow; its lightness rises all the way, so that it reads in
 * grey too.
 */
const RAMP = [
  [0.03, 0.02, 0.2],
  [0.42, 0.05, 0.5],
  [0.93, 0.4, 0.2],
  [1, 0.95, 0.3],
] as const
/** What is left of the photo's own light under the colours. */
const PHOTO_SHARE = 0.45

/**
 * A map over a photo: its colours say the value, the photo's luma shows through.
 *
 * @param photo RGB
 * @param map 1 channel of the same size, [0, 1]
 * @returns RGB
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function heatOverlay(photo: FloatImage, map: FloatImage): FloatImage {
  const { width, height } = photo
  if (photo.channels !== 3 || map.channels !== 1 || map.width !== width || map.height !== height) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      'heatOverlay expected a 3-channel photo and a 1-channel map of its size, ' +
        `got ${photo.channels}x${height}x${width} and ${map.channels}x${map.height}x${map.width}.`,
    )
  }
  const plane = width * height
  const data = new Float32Array(3 * plane)
  for (let i = 0; i < plane; i++) {
    const luma = lumaAt(photo.data, i, plane)
    const at = Math.min(Math.max(map.data[i]!, 0), 1) * (RAMP.length - 1)
    const below = Math.min(Math.floor(at), RAMP.length - 2)
    const share = at - below
    for (let c = 0; c < 3; c++) {
      const colour = RAMP[below]![c]! * (1 - share) + RAMP[below + 1]![c]! * share
      data[c * plane + i] = (1 - PHOTO_SHARE) * colour + PHOTO_SHARE * luma
    }
  }
  return { width, height, channels: 3, data }
}
