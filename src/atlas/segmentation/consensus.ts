import { type ClipFlow, FLOW_PIXEL } from '../clipFlow.js'
import type { ClipGraph } from './clipGraph.js'

/**
 * For every node, nodes of other frames that look alike and lie where the flow takes it: row i is `start[i]` to
 * `start[i + 1] - 1`.
 */
export interface Alike {
  readonly start: Int32Array
  readonly neighbour: Int32Array
  readonly weight: Float32Array
}

/** Frames asked, before and after. */
const OFFSETS = [1, 2, 4, 8, 16] as const
/** Nearest nodes taken from each of them. */
const NEAREST = 4
/** Standard deviation of the colours of one thing, L*a*b* units. */
const COLOUR = 7
/**
 * Standard deviation of the place after one frame, as a share of the longer side; it grows with the root of the number
 * of frames.
 */
const PLACE = 0.015

/**
 * Finds for each node the nodes of other frames that most likely show the same thing, by colour and by the place where
 * the flow, followed from frame to frame, takes it (non-local consensus, Faktor and Irani 2014).
 */
export async function findAlike(graph: ClipGraph, flow: ClipFlow, breathe: () => Promise<void>): Promise<Alike> {
  const { width, height, first, count, colour, centre } = graph
  const frames = graph.frames.length
  const cell = Math.max(4, (PLACE / 2) * Math.max(width, height))
  const columns = Math.ceil(width / cell)
  const rows = Math.ceil(height / cell)
  const buckets = graph.frames.map((_, t) => bucketed(graph, t, cell, columns, rows))
  const start = new Int32Array(count + 1)
  const neighbour: number[] = []
  const weight: number[] = []
  const tracks = [1, -1].map((direction) => trackCentres(graph, flow, direction as 1 | -1))
  for (let t = 0; t < frames; t++) {
    await breathe()
    for (let i = first[t]!; i < first[t + 1]!; i++) {
      for (const [side, direction] of [1, -1].entries()) {
        for (const [o, offset] of OFFSETS.entries()) {
          const to = t + direction * offset
          if (to < 0 || to >= frames) continue
          const px = tracks[side]![o]![i]!
          const py = tracks[side]![o]![count + i]!
          const place = PLACE * Math.max(width, height) * Math.sqrt(offset)
          const bestNode = [-1, -1, -1, -1]
          const bestDistance = [9, 9, 9, 9]
          const { begin, members } = buckets[to]!
          const reach = 2.5 * place
          const right = Math.min(columns - 1, Math.floor((px + reach) / cell))
          const bottom = Math.min(rows - 1, Math.floor((py + reach) / cell))
          for (let row = Math.max(0, Math.floor((py - reach) / cell)); row <= bottom; row++) {
            for (let column = Math.max(0, Math.floor((px - reach) / cell)); column <= right; column++) {
              const k = row * columns + column
              for (let m = begin[k]!; m < begin[k + 1]!; m++) {
                const j = members[m]!
                const dx = centre[j]! - px
                const dy = centre[count + j]! - py
                const dl = colour[i]! - colour[j]!
                const da = colour[count + i]! - colour[count + j]!
                const db = colour[2 * count + i]! - colour[2 * count + j]!
                const distance =
                  (dx * dx + dy * dy) / (place * place) + (dl * dl + da * da + db * db) / (COLOUR * COLOUR)
                if (distance >= bestDistance[NEAREST - 1]!) continue
                let n = NEAREST - 1
                for (; n > 0 && bestDistance[n - 1]! > distance; n--) {
                  bestDistance[n] = bestDistance[n - 1]!
                  bestNode[n] = bestNode[n - 1]!
                }
                bestDistance[n] = distance
                bestNode[n] = j
              }
            }
          }
          for (let n = 0; n < NEAREST && bestNode[n]! >= 0; n++) {
            neighbour.push(bestNode[n]!)
            weight.push(Math.exp(-bestDistance[n]! / 2))
          }
        }
      }
      start[i + 1] = neighbour.length
    }
  }
  return { start, neighbour: Int32Array.from(neighbour), weight: Float32Array.from(weight) }
}

/**
 * For the nodes `from` to `to - 1`: the mean of `values` over what looks alike, by how much that is `known`, and the
 * weight it rests on, at most 1.
 */
export function consensus(
  { start, neighbour, weight }: Alike,
  values: Float32Array,
  known: Float32Array,
  from: number,
  to: number,
): { readonly vote: Float32Array; readonly support: Float32Array } {
  const vote = new Float32Array(to - from)
  const support = new Float32Array(to - from)
  for (let i = from; i < to; i++) {
    let sum = 0
    let total = 0
    for (let e = start[i]!; e < start[i + 1]!; e++) {
      const j = neighbour[e]!
      const w = weight[e]! * known[j]!
      sum += w * values[j]!
      total += w
    }
    vote[i - from] = total > 0 ? sum / total : 0
    support[i - from] = Math.min(total, 1)
  }
  return { vote, support }
}

/** Nodes of a frame by the cell their centre lies in. */
function bucketed({ first, count, centre }: ClipGraph, t: number, cell: number, columns: number, rows: number) {
  const begin = new Int32Array(columns * rows + 1)
  const cellOf = (i: number) =>
    Math.min(rows - 1, Math.floor(centre[count + i]! / cell)) * columns +
    Math.min(columns - 1, Math.floor(centre[i]! / cell))
  for (let i = first[t]!; i < first[t + 1]!; i++) begin[cellOf(i) + 1]!++
  for (let k = 0; k < columns * rows; k++) begin[k + 1]! += begin[k]!
  const next = begin.slice()
  const members = new Int32Array(first[t + 1]! - first[t]!)
  for (let i = first[t]!; i < first[t + 1]!; i++) members[next[cellOf(i)]!++] = i
  return { begin, members }
}

/**
 * Where the flow takes the centre of every node, two planes for each offset. Where the flow does not hold, as behind a
 * pole, the node goes on as it went.
 */
function trackCentres(
  { width, height, frames, first, count, centre }: ClipGraph,
  { forward, backward }: ClipFlow,
  direction: 1 | -1,
): Float32Array[] {
  const size = width * height
  const place = Float32Array.from(centre)
  const velocity = new Float32Array(2 * count)
  const result: Float32Array[] = []
  for (let step = 1; step <= OFFSETS.at(-1)!; step++) {
    for (let t = 0; t < frames.length; t++) {
      const at = t + direction * (step - 1)
      const flow = direction === 1 ? forward[at] : backward[at - 1]
      if (!flow) continue
      for (let i = first[t]!; i < first[t + 1]!; i++) {
        const x = Math.min(Math.max(Math.round(place[i]!), 0), width - 1)
        const y = Math.min(Math.max(Math.round(place[count + i]!), 0), height - 1)
        if (flow.valid[y * width + x] === 1 || step === 1) {
          velocity[i] = flow.data[y * width + x]! / FLOW_PIXEL
          velocity[count + i] = flow.data[size + y * width + x]! / FLOW_PIXEL
        }
        place[i]! += velocity[i]!
        place[count + i]! += velocity[count + i]!
      }
    }
    if ((OFFSETS as readonly number[]).includes(step)) result.push(place.slice())
  }
  return result
}
