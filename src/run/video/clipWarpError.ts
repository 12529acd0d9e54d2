import type { ClipFlow } from '../../atlas/clipFlow.js'
import { bilinear } from '../../atlas/clipFlow.js'
import { frameImage, type ClipFrames } from '../../media/clipFrames.js'

/** Mean squared difference of each frame and the next one brought back along the flow, over the pixels whose flow is consistent; values in [0, 1]. */
export function clipWarpError(frames: ClipFrames, flow: ClipFlow): number {
  const { width, height } = frames
  const size = width * height
  const errors = flow.forward.map(({ data, valid }, t) => {
    const [here, next] = [frameImage(frames, t).data, frameImage(frames, t + 1).data]
    let [sum, count] = [0, 0]
    for (let i = 0; i < size; i++) {
      if (valid[i] !== 1) continue
      const [x, y] = [i % width + data[i]!, Math.floor(i / width) + data[size + i]!]
      for (let c = 0; c < 3; c++) sum += (here[c * size + i]! - bilinear(next, c * size, width, height, x, y)) ** 2 / 3
      count++
    }
    return count === 0 ? 0 : sum / count
  })
  return errors.reduce((sum, error) => sum + error, 0) / Math.max(1, errors.length)
}
