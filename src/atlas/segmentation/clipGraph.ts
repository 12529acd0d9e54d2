import type { ClipFrames } from '../../media/clipFrames.js'
import { type ClipFlow, type Flow, FLOW_PIXEL } from '../clipFlow.js'
import { labPlanes } from './labPlanes.js'
import { type Superpixels, superpixels } from './superpixels.js'

/**
 * The regions of all frames of a clip, joined to their neighbours in the frame and, by the flow, in the frames before
 * and after.
 */
export interface ClipGraph {
  readonly width: number
  readonly height: number
  readonly frames: readonly Superpixels[]
  /** Node of the first region of each frame; the last entry is the number of nodes. */
  readonly first: Int32Array
  readonly count: number
  /** Pixels of each node. */
  readonly area: Float32Array
  /** Mean L*a*b* of each node, three planes. */
  readonly colour: Float32Array
  /** Centre of each node, px, two planes. */
  readonly centre: Float32Array
  /** Edges of node i: `start[i]` to `start[i + 1] - 1` in `neighbour` and `weight`; every edge is there twice. */
  readonly start: Int32Array
  readonly neighbour: Int32Array
  readonly weight: Float32Array
}

/** Regions in a frame, about. */
const REGIONS = 1600
/** A whole temporal overlap counts as much as this many sides of a region. */
const TEMPORAL = 4
/** Motions that differ by this share of the longer side part two regions as a colour edge does. */
const MOTION_CONTRAST = 2 / 768
/** The weakest edge, so that no region is cut off. */
const WEAKEST = 1e-3

/**
 * Cuts every frame into superpixels and weighs their edges: exp(-d^2 / mean d^2) of the colours, times the same of the
 * motions, times the length of the common border in sides of a region, or the share of the region that the flow takes
 * there.
 *
 * @param breathe called before each frame's work: lets others run, throws to stop
 */
export async function createClipGraph(
  frames: ClipFrames,
  flow: ClipFlow,
  breathe: () => Promise<void>,
): Promise<ClipGraph> {
  const { width, height, pixels } = frames
  const size = width * height
  const spacing = Math.max(5, Math.sqrt(size / REGIONS))
  const regions: Superpixels[] = []
  const first = new Int32Array(pixels.length + 1)
  const means: Float32Array[] = []
  for (let t = 0; t < pixels.length; t++) {
    await breathe()
    const lab = labPlanes(frames, t)
    const region = superpixels(lab, width, height, spacing)
    regions.push(region)
    means.push(meanColours(lab, region))
    first[t + 1] = first[t]! + region.count
  }
  const count = first[pixels.length]!
  const nodes = { width, height, frames: regions, first, count }
  const area = new Float32Array(count)
  regions.forEach(({ labels }, t) => {
    for (const label of labels) area[first[t]! + label]! += 1
  })
  const colour = new Float32Array(3 * count)
  means.forEach((mean, t) => {
    for (let c = 0; c < 3; c++)
      colour.set(mean.subarray((c * mean.length) / 3, ((c + 1) * mean.length) / 3), c * count + first[t]!)
  })
  const centre = new Float32Array(2 * count)
  const xs = new Float32Array(size).map((_, i) => i % width)
  const ys = new Float32Array(size).map((_, i) => Math.floor(i / width))
  centre.set(regionMeans(nodes, () => xs))
  centre.set(
    regionMeans(nodes, () => ys),
    count,
  )
  const motion = [0, 1].map((c) => regionMeans(nodes, (t) => motionPlane(flow, t, c, size))) as [
    Float32Array,
    Float32Array,
  ]

  const colourDistance = (i: number, j: number) => {
    const dl = colour[i]! - colour[j]!
    const da = colour[count + i]! - colour[count + j]!
    const db = colour[2 * count + i]! - colour[2 * count + j]!
    return dl * dl + da * da + db * db
  }
  const motionScale = (MOTION_CONTRAST * Math.max(width, height)) ** 2
  const motionDistance = (i: number, j: number) =>
    ((motion[0][i]! - motion[0][j]!) ** 2 + (motion[1][i]! - motion[1][j]!) ** 2) / motionScale
  const spatial = spatialEdges(nodes)
  const temporal = temporalEdges(nodes, flow)
  let [sum, total] = [0, 0]
  for (const { from, to, amount } of spatial) {
    sum += amount * colourDistance(from, to)
    total += amount
  }
  const contrast = Math.max(sum / Math.max(total, 1), 1)
  for (const edge of spatial) {
    edge.amount *=
      Math.max(WEAKEST, Math.exp(-colourDistance(edge.from, edge.to) / contrast - motionDistance(edge.from, edge.to))) /
      spacing
  }
  for (const edge of temporal) {
    edge.amount *=
      (TEMPORAL * Math.max(WEAKEST, Math.exp(-colourDistance(edge.from, edge.to) / contrast))) / (spacing * spacing)
  }
  return { ...nodes, area, colour, centre, ...adjacency(count, [...spatial, ...temporal]) }
}

/** Mean L*a*b* of each region, three planes. */
function meanColours(lab: Float32Array, { count, labels }: Superpixels): Float32Array {
  const sums = new Float64Array(3 * count)
  const members = new Float64Array(count)
  for (let i = 0; i < labels.length; i++) {
    const k = labels[i]!
    members[k]!++
    for (let c = 0; c < 3; c++) sums[c * count + k]! += lab[c * labels.length + i]!
  }
  return new Float32Array(sums.map((sum, k) => sum / members[k % count]!))
}

type Nodes = Pick<ClipGraph, 'width' | 'height' | 'frames' | 'first' | 'count'>

/**
 * The mean over each node of planes `height * width`, one for each frame; with `weights`, also planes, pixels count by
 * these. Nodes of no weight get 0.
 */
export function regionMeans(
  { frames, first, count }: Nodes,
  plane: (t: number) => ArrayLike<number>,
  weights?: (t: number) => ArrayLike<number>,
): Float32Array {
  const sums = new Float64Array(count)
  const totals = new Float64Array(count)
  frames.forEach(({ labels }, t) => {
    const values = plane(t)
    const weight = weights?.(t)
    for (let i = 0; i < labels.length; i++) {
      const node = first[t]! + labels[i]!
      const w = weight ? weight[i]! : 1
      sums[node]! += w * values[i]!
      totals[node]! += w
    }
  })
  return new Float32Array(sums.map((sum, i) => (totals[i]! > 0 ? sum / totals[i]! : 0)))
}

/** The forward flow of a frame, the negative backward one for the last; px. */
function motionPlane({ forward, backward }: ClipFlow, t: number, c: number, size: number): Float32Array {
  const [flow, sign] = t < forward.length ? [forward[t]!, 1] : [backward[t - 1]!, -1]
  return new Float32Array(flow.data.subarray(c * size, (c + 1) * size)).map((units) => (sign * units) / FLOW_PIXEL)
}

interface Edge {
  readonly from: number
  readonly to: number
  amount: number
}

/** Pairs of regions that share a border, with its length, px. */
function spatialEdges({ width, frames, first, count }: Nodes): Edge[] {
  const counter = createPairCounter(count)
  frames.forEach(({ labels }, t) => {
    const base = first[t]!
    for (let i = 0; i < labels.length; i++) {
      const here = labels[i]!
      if ((i + 1) % width > 0 && labels[i + 1] !== here) counter.count(base + here, base + labels[i + 1]!)
      if (i + width < labels.length && labels[i + width] !== here) counter.count(base + here, base + labels[i + width]!)
    }
  })
  return counter.edges()
}

/**
 * Pairs of regions of neighbouring frames, with the pixels that the flow takes from one to the other, mean of both
 * directions.
 */
function temporalEdges({ width, height, frames, first, count }: Nodes, { forward, backward }: ClipFlow): Edge[] {
  const counter = createPairCounter(count)
  const follow = (t: number, to: number, { data, valid }: Flow) => {
    const size = width * height
    const [here, there] = [frames[t]!.labels, frames[to]!.labels]
    for (let i = 0; i < size; i++) {
      if (valid[i] !== 1) continue
      const x = Math.min(Math.max(Math.round((i % width) + data[i]! / FLOW_PIXEL), 0), width - 1)
      const y = Math.min(Math.max(Math.round(Math.floor(i / width) + data[size + i]! / FLOW_PIXEL), 0), height - 1)
      counter.count(first[t]! + here[i]!, first[to]! + there[y * width + x]!)
    }
  }
  forward.forEach((flow, t) => {
    follow(t, t + 1, flow)
  })
  backward.forEach((flow, t) => {
    follow(t + 1, t, flow)
  })
  return counter.edges().map((edge) => ({ ...edge, amount: edge.amount / 2 }))
}

function createPairCounter(count: number) {
  const amounts = new Map<number, number>()
  return {
    count(i: number, j: number): void {
      const key = i < j ? i * count + j : j * count + i
      amounts.set(key, (amounts.get(key) ?? 0) + 1)
    },
    edges: (): Edge[] =>
      [...amounts].map(([key, amount]) => ({ from: Math.floor(key / count), to: key % count, amount })),
  }
}

function adjacency(count: number, edges: readonly Edge[]): Pick<ClipGraph, 'start' | 'neighbour' | 'weight'> {
  const start = new Int32Array(count + 1)
  for (const { from, to } of edges) {
    start[from + 1]!++
    start[to + 1]!++
  }
  for (let i = 0; i < count; i++) start[i + 1]! += start[i]!
  const next = start.slice()
  const neighbour = new Int32Array(2 * edges.length)
  const weight = new Float32Array(2 * edges.length)
  for (const { from, to, amount } of edges) {
    for (const [i, j] of [
      [from, to],
      [to, from],
    ] as const) {
      neighbour[next[i]!] = j
      weight[next[i]!++] = amount
    }
  }
  return { start, neighbour, weight }
}
