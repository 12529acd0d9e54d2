import type { GreyPlane } from './greyPlane.js'
import { searchFlow } from './inverseSearch.js'
import { refineFlow } from './variationalFlow.js'

/**
 * How often the second picture is warped anew by the flow, and the effort for each. The finest level is too dear for a
 * search or a second warp.
 */
const COARSE = { warps: 2, iterations: 4, sweeps: 5 } as const
const FINEST = { warps: 1, iterations: 3, sweeps: 5 } as const

/**
 * The flow from one picture to another, coarse to fine, by dense inverse search and variational refinement: pixel (x,
 * y) of the first shows what (x + dx, y + dy) of the second shows.
 *
 * @param from, to pyramids of `greyPyramid`, finest level first
 * @returns two planes at the finest size, dx then dy, px
 */
export function opticalFlow(from: readonly GreyPlane[], to: readonly GreyPlane[]): Float32Array {
  let flow = new Float32Array(0)
  for (let level = from.length - 1; level >= 0; level--) {
    const [a, b] = [from[level]!, to[level]!]
    flow = level === from.length - 1 ? new Float32Array(2 * a.width * a.height) : doubled(flow, from[level + 1]!, a)
    if (level > 0 || from.length === 1) searchFlow(a, b, flow)
    const effort = level > 0 ? COARSE : FINEST
    for (let warp = 0; warp < effort.warps; warp++) refineFlow(a, b, flow, effort)
  }
  return flow
}

/** A flow of the next finer level: bilinear, vectors twice as long. */
function doubled(flow: Float32Array, coarse: GreyPlane, fine: GreyPlane): Float32Array<ArrayBuffer> {
  const [w, h] = [coarse.width, coarse.height]
  const { width, height } = fine
  const size = width * height
  const result = new Float32Array(2 * size)
  for (let y = 0; y < height; y++) {
    const cy = Math.min(Math.max((y - 0.5) / 2, 0), h - 1)
    const row = Math.min(Math.floor(cy), h - 2)
    const fy = cy - row
    for (let x = 0; x < width; x++) {
      const cx = Math.min(Math.max((x - 0.5) / 2, 0), w - 1)
      const column = Math.min(Math.floor(cx), w - 2)
      const fx = cx - column
      for (let c = 0; c < 2; c++) {
        const k = c * w * h + row * w + column
        const upper = flow[k]! + fx * (flow[k + 1]! - flow[k]!)
        const lower = flow[k + w]! + fx * (flow[k + w + 1]! - flow[k + w]!)
        result[c * size + y * width + x] = 2 * (upper + fy * (lower - upper))
      }
    }
  }
  return result
}
