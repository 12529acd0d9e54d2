import { randomStream } from '../../engine/random.js'
import type { ClipFlow, Flow } from '../clipFlow.js'
import { cameraMotion, project } from '../motion/cameraMotion.js'
import { type ClipGraph, regionMeans } from './clipGraph.js'

/** How the nodes move against the background. */
export interface NodeMotion {
  /** Mean distance, in thousandths of the longer side, between where the flow and where the camera takes a node's pixels in one frame. */
  readonly residual: Float32Array
  /** Share of a node's pixels whose flow holds: the residual rests on these. */
  readonly share: Float32Array
}

/** What each node's flow, forward and backward, adds to the camera's motion. */
export async function nodeMotion(graph: ClipGraph, { forward, backward }: ClipFlow, breathe: () => Promise<void>): Promise<NodeMotion> {
  const { width, height } = graph
  const size = width * height
  const unit = 1000 / Math.max(width, height)
  const residuals: Float32Array[] = []
  const shares: Float32Array[] = []
  for (let t = 0; t < graph.frames.length; t++) {
    await breathe()
    const sum = new Float32Array(size)
    const share = new Float32Array(size)
    const flows = [[forward[t], 'forward'], [backward[t - 1], 'backward']] as const
    for (const [flow, name] of flows) if (flow) addResidual(flow, width, height, cameraMotion(flow, width, height, randomStream(0, `camera ${name}`, t)), sum, share)
    for (let i = 0; i < size; i++) {
      if (share[i]! === 0) continue
      sum[i] = unit * sum[i]! / share[i]!
      share[i] = 1
    }
    const only = { width, height, frames: [graph.frames[t]!], first: Int32Array.of(0, graph.frames[t]!.count), count: graph.frames[t]!.count }
    residuals.push(regionMeans(only, () => sum, () => share))
    shares.push(regionMeans(only, () => share))
  }
  const joined = (parts: readonly Float32Array[]) => {
    const all = new Float32Array(graph.count)
    parts.forEach((part, t) => { all.set(part, graph.first[t]) })
    return all
  }
  return { residual: joined(residuals), share: joined(shares) }
}

function addResidual({ data, valid }: Flow, width: number, height: number, camera: ReturnType<typeof cameraMotion>, sum: Float32Array, share: Float32Array): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      if (valid[i] !== 1) continue
      const [px, py] = project(camera, x, y)
      sum[i]! += Math.hypot(x + data[i]! - px, y + data[width * height + i]! - py)
      share[i]! += 1
    }
  }
}

const BINS = 40

/** Bins of the residual: fine where it is small, twice as wide at every doubling. */
const binOf = (residual: number) => Math.min(BINS - 1, Math.floor(5 * Math.log2(1 + residual)))

/**
 * How likely each node belongs to the foreground by how fast it moves against the background: Bayes' rule on smoothed histograms, with equal priors.
 *
 * @param foreground of each node, [0, 1]; @param counts how much each node counts
 */
export function motionEvidence({ residual, share }: NodeMotion, area: Float32Array, foreground: Float32Array, counts: Float32Array): Float32Array {
  let inside = new Float64Array(BINS)
  let outside = new Float64Array(BINS)
  for (let i = 0; i < residual.length; i++) {
    const weight = share[i]! * counts[i]! * area[i]!
    const bin = binOf(residual[i]!)
    inside[bin]! += weight * foreground[i]!
    outside[bin]! += weight * (1 - foreground[i]!)
  }
  inside = density(inside)
  outside = density(outside)
  return residual.map((value) => {
    const bin = binOf(value)
    return inside[bin]! / (inside[bin]! + outside[bin]!)
  })
}

/** Smoothed, its sum 1; no bin is impossible. */
function density(histogram: Float64Array): Float64Array<ArrayBuffer> {
  let values = Float64Array.from(histogram)
  for (let pass = 0; pass < 4; pass++) values = values.map((value, k) => value / 2 + ((values[k - 1] ?? value) + (values[k + 1] ?? value)) / 4)
  const sum = Math.max(values.reduce((s, x) => s + x, 0), 1e-9)
  return values.map((value) => value / sum + 1e-3)
}

/**
 * The residual that splits the nodes into the still and the moving with the largest variance between both (Otsu 1979).
 *
 * @returns the threshold, and how many times the mean of the moving exceeds that of the still
 */
export function movingThreshold({ residual, share }: NodeMotion, area: Float32Array): { threshold: number; contrast: number; moving: number } {
  const bins = 256
  const highest = residual.reduce((most, value, i) => (share[i]! > 0.5 ? Math.max(most, value) : most), 1e-6)
  const counts = new Float64Array(bins)
  const sums = new Float64Array(bins)
  residual.forEach((value, i) => {
    const bin = Math.min(bins - 1, Math.floor((bins * value) / highest))
    counts[bin]! += share[i]! * area[i]!
    sums[bin]! += share[i]! * area[i]! * value
  })
  const [total, all] = [counts, sums].map((plane) => plane.reduce((s, x) => s + x, 0)) as [number, number]
  let [below, sumBelow, most, threshold, contrast, moving] = [0, 0, -1, highest, 1, 0]
  for (let bin = 0; bin < bins; bin++) {
    below += counts[bin]!
    sumBelow += sums[bin]!
    const above = total - below
    if (below === 0 || above <= 0) continue
    const [still, fast] = [sumBelow / below, (all - sumBelow) / above]
    const variance = below * above * (still - fast) ** 2
    if (variance > most) [most, threshold, contrast, moving] = [variance, (highest * (bin + 1)) / bins, fast / Math.max(still, 1e-6), fast]
  }
  return { threshold, contrast, moving }
}
