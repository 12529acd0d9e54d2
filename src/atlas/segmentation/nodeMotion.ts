import { randomStream } from '../../engine/random.js'
import { type ClipFlow, type Flow, FLOW_PIXEL } from '../clipFlow.js'
import { cameraMotion, project } from '../motion/cameraMotion.js'
import type { ClipGraph } from './clipGraph.js'

/** How the nodes move against the background, in thousandths of the longer side a frame. */
export interface NodeMotion {
  /**
   * Mean of what the flow of a node's pixels adds to the camera's motion from one frame to the next, two planes: x, y.
   */
  readonly velocity: Float32Array
  /** Mean length of it. */
  readonly speed: Float32Array
  /** Share of a node's pixels whose flow holds: the rest rests on these. */
  readonly share: Float32Array
}

/** What each node's flow, forward and backward, adds to the camera's motion. */
export async function nodeMotion(
  graph: ClipGraph,
  { forward, backward }: ClipFlow,
  breathe: () => Promise<void>,
): Promise<NodeMotion> {
  const { width, height, first, count } = graph
  const size = width * height
  const velocity = new Float32Array(2 * count)
  const speed = new Float32Array(count)
  const share = new Float32Array(count)
  for (let t = 0; t < graph.frames.length; t++) {
    await breathe()
    const { labels } = graph.frames[t]!
    const votes = new Float32Array(graph.frames[t]!.count)
    const seen = new Uint8Array(size)
    const add = ({ data, valid }: Flow, sign: 1 | -1, name: string) => {
      const camera = cameraMotion({ data, valid }, width, height, randomStream(0, name, t))
      const unit = 1000 / Math.max(width, height)
      for (let i = 0; i < size; i++) {
        if (valid[i] !== 1) continue
        const [x, y] = [i % width, Math.floor(i / width)]
        const [px, py] = project(camera, x, y)
        const dx = unit * (x + data[i]! / FLOW_PIXEL - px)
        const dy = unit * (y + data[size + i]! / FLOW_PIXEL - py)
        const node = first[t]! + labels[i]!
        velocity[node]! += sign * dx
        velocity[count + node]! += sign * dy
        speed[node]! += Math.hypot(dx, dy)
        votes[labels[i]!]!++
        seen[i] = 1
      }
    }
    if (forward[t]) add(forward[t]!, 1, 'camera forward')
    if (backward[t - 1]) add(backward[t - 1]!, -1, 'camera backward')
    for (let i = 0; i < size; i++) share[first[t]! + labels[i]!]! += seen[i]!
    votes.forEach((number, k) => {
      const node = first[t]! + k
      share[node]! /= graph.area[node]!
      if (number === 0) return
      velocity[node]! /= number
      velocity[count + node]! /= number
      speed[node]! /= number
    })
  }
  return { velocity, speed, share }
}

/**
 * Bins of the velocity along each axis, over the range of a frame, and the frames to each side that are learnt from.
 */
const BINS = 48
const WINDOW = 3

/**
 * How likely the nodes of frame t belong to the foreground by their velocity: Bayes' rule on smoothed histograms of the
 * foreground and of the rest around that frame.
 *
 * @param foreground of each node, [0, 1]; @param counts how much each node counts: when none near the frame does, the
 *   nearest frames are learnt from
 */
export function motionEvidence(
  { velocity, speed, share }: NodeMotion,
  { first, area, count, frames }: ClipGraph,
  foreground: Float32Array,
  counts: Float32Array,
  t: number,
): Float32Array {
  const known = frames.map((_, s) => s).filter((s) => counts[first[s]!]! > 0)
  const reach = known.length === 0 ? 0 : Math.max(WINDOW, Math.min(...known.map((s) => Math.abs(s - t))))
  const [begin, end] = [first[Math.max(0, t - reach)]!, first[Math.min(frames.length, t + reach + 1)]!]
  let range = 1
  for (let i = begin; i < end; i++) if (share[i]! > 0.5) range = Math.max(range, speed[i]!)
  const along = (value: number) => Math.min(BINS - 1, Math.max(0, Math.floor(((value / range + 1) / 2) * BINS)))
  const binOf = (i: number) => along(velocity[count + i]!) * BINS + along(velocity[i]!)
  const inside = new Float64Array(BINS * BINS)
  const outside = new Float64Array(BINS * BINS)
  for (let i = begin; i < end; i++) {
    const weight = share[i]! * counts[i]! * area[i]!
    inside[binOf(i)]! += weight * foreground[i]!
    outside[binOf(i)]! += weight * (1 - foreground[i]!)
  }
  const [p, q] = [density(inside), density(outside)]
  return new Float32Array(first[t + 1]! - first[t]!).map((_, k) => {
    const bin = binOf(first[t]! + k)
    return p[bin]! / (p[bin]! + q[bin]!)
  })
}

/**
 * Smoothed by a binomial filter of variance 2; no bin is impossible. Divided by its sum to the power 3/4: a quarter of
 * the way from equal priors, which overrate what is small, to those of the areas.
 */
function density(histogram: Float64Array): Float64Array {
  let values = histogram
  for (const stride of [1, BINS, 1, BINS, 1, BINS, 1, BINS]) {
    values = values.map((value, k) => {
      const at = Math.floor(k / stride) % BINS
      return value / 2 + ((at > 0 ? values[k - stride]! : value) + (at < BINS - 1 ? values[k + stride]! : value)) / 4
    })
  }
  const sum = Math.max(
    values.reduce((s, x) => s + x, 0),
    1e-9,
  )
  return values.map((value) => value / sum ** 0.75 + 1e-4 * sum ** 0.25)
}

/**
 * The speed above which a node is the foreground's rather than something else's that moves a little (water, what is
 * nearer than the rest): the upper one of the two thresholds that part the nodes `from` to `to - 1` into three classes
 * of the least variance within (Otsu 1979), and the mean of the fastest class.
 */
export function movingThreshold(
  { speed, share }: NodeMotion,
  { area }: ClipGraph,
  from: number,
  to: number,
): { readonly threshold: number; readonly fastest: number } {
  const bins = 128
  let highest = 1e-6
  for (let i = from; i < to; i++) if (share[i]! > 0.5) highest = Math.max(highest, speed[i]!)
  // Running totals up to each bin.
  const counts = new Float64Array(bins + 1)
  const sums = new Float64Array(bins + 1)
  for (let i = from; i < to; i++) {
    const bin = Math.min(bins - 1, Math.floor((bins * speed[i]!) / highest)) + 1
    counts[bin]! += share[i]! * area[i]!
    sums[bin]! += share[i]! * area[i]! * speed[i]!
  }
  for (let bin = 0; bin < bins; bin++) {
    counts[bin + 1]! += counts[bin]!
    sums[bin + 1]! += sums[bin]!
  }
  const between = (low: number, high: number) => {
    const number = counts[high]! - counts[low]!
    return number > 0 ? (sums[high]! - sums[low]!) ** 2 / number : 0
  }
  let [most, upper] = [-1, bins]
  for (let i = 1; i < bins; i++) {
    for (let j = i + 1; j < bins; j++) {
      const variance = between(0, i) + between(i, j) + between(j, bins)
      if (variance > most) [most, upper] = [variance, j]
    }
  }
  const number = counts[bins]! - counts[upper]!
  return { threshold: (highest * upper) / bins, fastest: number > 0 ? (sums[bins]! - sums[upper]!) / number : 0 }
}
