import type { ClipFrames } from '../../media/clipFrames.js'
import type { FloatImage } from '../../media/image.js'
import { FLOW_PIXEL, type ClipFlow, type Flow } from '../clipFlow.js'

/** How the object as a whole moves from a frame to its neighbour, px. */
export type Shift = readonly [number, number]

export interface ObjectMotion {
  /** The clip's flow; inside the object only vectors near its motion as a whole are valid. */
  readonly flow: ClipFlow
  /** From frame t to t + 1. */
  readonly forward: readonly Shift[]
  /** From frame t + 1 to t. */
  readonly backward: readonly Shift[]
}

/** Motions of up to this many px along each axis are found. */
const REACH = 48
/** About so many pixels of the object are compared. */
const POINTS = 1000
/**
 * A squared colour difference, summed over channels, counts at most this: pixels that do not match, and those that
 * leave the mask.
 */
const OUTLIER = 0.02
/** Another shift than the flow's has to cost less than this times as much. */
const CLEARLY = 0.9
/**
 * Flow that differs more from the motion of the whole, px, is taken for that of the background seen through or around
 * the object.
 */
const TOLERANCE = 8

/**
 * The motion of the object as a whole between neighbouring frames: the shift under which its pixels find their colours
 * inside the next mask. It guards the object's flow, which follows the background where the object is dark, thin or
 * half hidden, and passes the forward-backward check there.
 *
 * @param pause called between pairs of frames
 */
export async function objectMotion(
  frames: ClipFrames,
  masks: readonly FloatImage[],
  flow: ClipFlow,
  pause: () => Promise<void>,
): Promise<ObjectMotion> {
  const forward: Shift[] = []
  const backward: Shift[] = []
  const guarded = { forward: [] as Flow[], backward: [] as Flow[] }
  for (let t = 0; t + 1 < masks.length; t++) {
    await pause()
    const ahead = objectShift(frames, masks, t, t + 1, flow.forward[t]!)
    const back = objectShift(frames, masks, t + 1, t, flow.backward[t]!)
    forward.push(ahead)
    backward.push(back)
    guarded.forward.push(guard(flow.forward[t]!, masks[t]!, ahead))
    guarded.backward.push(guard(flow.backward[t]!, masks[t + 1]!, back))
  }
  return { flow: { ...flow, ...guarded }, forward, backward }
}

function guard({ data, valid }: Flow, mask: FloatImage, [dx, dy]: Shift): Flow {
  const kept = valid.slice()
  for (let i = 0; i < kept.length; i++) {
    if (
      mask.data[i]! > 0.5 &&
      Math.hypot(data[i]! / FLOW_PIXEL - dx, data[kept.length + i]! / FLOW_PIXEL - dy) > TOLERANCE
    )
      kept[i] = 0
  }
  return { data, valid: kept }
}

/**
 * The median of the object's valid flow, or another shift that explains clearly more: every second px first, then from
 * px to px downhill.
 */
function objectShift(frames: ClipFrames, masks: readonly FloatImage[], from: number, to: number, flow: Flow): Shift {
  const { width, height } = frames
  const [here, there] = [frames.pixels[from]!, frames.pixels[to]!]
  const [mask, other] = [masks[from]!.data, masks[to]!.data]
  const points: number[] = []
  const area = mask.reduce((sum, x) => sum + (x > 0.5 ? 1 : 0), 0)
  const stride = Math.max(1, Math.ceil(Math.sqrt(area / POINTS)))
  for (let y = stride >> 1; y < height; y += stride)
    for (let x = stride >> 1; x < width; x += stride) if (mask[y * width + x]! > 0.5) points.push(y * width + x)
  if (points.length === 0) return [0, 0]
  const cost = (dx: number, dy: number) => {
    let sum = 0
    for (const i of points) {
      const x = (i % width) + dx
      const y = Math.floor(i / width) + dy
      const j = y * width + x
      if (x < 0 || y < 0 || x >= width || y >= height || other[j]! < 0.5) sum += OUTLIER
      else {
        let difference = 0
        for (let c = 0; c < 3; c++) difference += ((here[3 * i + c]! - there[3 * j + c]!) / 255) ** 2
        sum += Math.min(difference, OUTLIER)
      }
    }
    return sum
  }
  const valid = points.filter((i) => flow.valid[i] === 1)
  const median = (offset: number) =>
    valid.map((i) => flow.data[offset + i]! / FLOW_PIXEL).sort((a, b) => a - b)[valid.length >> 1] ?? 0
  let best: Shift = [Math.round(median(0)), Math.round(median(width * height))]
  let least = CLEARLY * cost(...best)
  const search = ([x, y]: Shift, reach: number, step: number) => {
    for (let dy = -reach; dy <= reach; dy += step) {
      for (let dx = -reach; dx <= reach; dx += step) {
        const found = cost(x + dx, y + dy)
        if (found < least) [least, best] = [found, [x + dx, y + dy]]
      }
    }
  }
  search([0, 0], REACH, 2)
  for (let before: Shift | null = null; before !== best;) {
    before = best
    search(best, 1, 1)
  }
  return best
}
