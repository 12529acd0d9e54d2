import { Text2LiveError } from '../errors.js'
import type { ClipFrames } from '../media/clipFrames.js'
import { FLOW_PIXEL, type ClipFlow } from './clipFlow.js'

/** How much a clip flickers. */
export interface WarpError {
  /**
   * Mean squared difference of colours in [0, 1] between each frame and the next one fetched by the flow; NaN where no
   * pixel of a pair is consistent.
   */
  readonly pairs: readonly number[]
  /** Mean over the pairs that have one; NaN when none has. */
  readonly mean: number
}

/**
 * Temporal consistency: mean |out_t - warp(out_t+1)|^2 over the pixels and channels whose flow holds there and back (as
 * in TokenFlow, 2023). The flow is that of the unedited clip; the frames may be an edit of it.
 *
 * @throws Text2LiveError SHAPE_MISMATCH when the flow is of another size or number of frames
 */
export function warpError({ width, height, pixels }: ClipFrames, flow: ClipFlow): WarpError {
  if (flow.width !== width || flow.height !== height || flow.forward.length !== pixels.length - 1) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `warpError expected the flow of ${pixels.length} frames of ${width}x${height}, got that of ${flow.forward.length + 1} frames of ${flow.width}x${flow.height}.`,
    )
  }
  const size = width * height
  const pairs = flow.forward.map(({ data, valid }, t) => {
    const [here, there] = [pixels[t]!, pixels[t + 1]!]
    let sum = 0
    let count = 0
    for (let i = 0; i < size; i++) {
      if (valid[i] !== 1) continue
      // Valid flow ends inside the picture.
      const x = (i % width) + data[i]! / FLOW_PIXEL
      const y = Math.floor(i / width) + data[size + i]! / FLOW_PIXEL
      const column = Math.min(Math.floor(x), width - 2)
      const row = Math.min(Math.floor(y), height - 2)
      const fx = x - column
      const fy = y - row
      const k = 3 * (row * width + column)
      for (let c = 0; c < 3; c++) {
        const upper = there[k + c]! + fx * (there[k + 3 + c]! - there[k + c]!)
        const lower = there[k + 3 * width + c]! + fx * (there[k + 3 * width + 3 + c]! - there[k + 3 * width + c]!)
        sum += ((here[3 * i + c]! - upper - fy * (lower - upper)) / 255) ** 2
      }
      count += 3
    }
    return sum / count
  })
  const known = pairs.filter((error) => !Number.isNaN(error))
  return { pairs, mean: known.reduce((sum, error) => sum + error, 0) / known.length }
}
