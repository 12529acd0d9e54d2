import type { ClipGraph } from './clipGraph.js'

/** Side of the cells of the colour histograms, L*a*b* units, and how many there are along each axis. */
const CELL = 6
const L_CELLS = 17
const AB_CELLS = 36
/** Binomial passes that smooth the histograms. */
const SMOOTHING = 2
/** Pixels added to each cell, as a share of the clip: colours hardly seen say little. */
const PRIOR = 1e-8

/**
 * How likely each node belongs to the foreground by its colour alone: Bayes' rule on smoothed colour histograms of the
 * foreground and of the rest, with priors a quarter of the way from equal ones, which overrate what is small, to those
 * of the areas.
 *
 * @param foreground of each node, [0, 1]: the histograms are filled by it
 * @param counts how much each node counts, 0 leaves it out
 */
export function colourEvidence(
  { count, area, colour }: ClipGraph,
  foreground: Float32Array,
  counts?: Float32Array,
): Float32Array {
  const cells = L_CELLS * AB_CELLS * AB_CELLS
  let inside = new Float64Array(cells)
  let outside = new Float64Array(cells)
  const cell = new Int32Array(count)
  let total = 0
  for (let i = 0; i < count; i++) {
    const l = Math.min(Math.floor(colour[i]! / CELL), L_CELLS - 1)
    const a = abCell(colour[count + i]!)
    const b = abCell(colour[2 * count + i]!)
    cell[i] = (l * AB_CELLS + a) * AB_CELLS + b
    const weight = area[i]! * (counts ? counts[i]! : 1)
    inside[cell[i]!]! += weight * foreground[i]!
    outside[cell[i]!]! += weight * (1 - foreground[i]!)
    total += weight
  }
  for (let pass = 0; pass < SMOOTHING; pass++) {
    inside = smoothed(inside)
    outside = smoothed(outside)
  }
  const sum = (histogram: Float64Array) => histogram.reduce((s, x) => s + x, 0)
  const [insideTotal, outsideTotal] = [Math.max(sum(inside), 1e-9), Math.max(sum(outside), 1e-9)]
  const prior = PRIOR * total
  return new Float32Array(cell).map((k) => {
    const p = (inside[k]! + prior) / insideTotal ** 0.75
    const q = (outside[k]! + prior) / outsideTotal ** 0.75
    return p / (p + q)
  })
}

const abCell = (value: number) => Math.min(Math.max(Math.floor(value / CELL) + AB_CELLS / 2, 0), AB_CELLS - 1)

/** One binomial pass (1 2 1) / 4 along each axis. */
function smoothed(histogram: Float64Array): Float64Array<ArrayBuffer> {
  let values = Float64Array.from(histogram)
  for (const [stride, length] of [
    [AB_CELLS * AB_CELLS, L_CELLS],
    [AB_CELLS, AB_CELLS],
    [1, AB_CELLS],
  ] as const) {
    values = values.map((value, k) => {
      const at = Math.floor(k / stride) % length
      return value / 2 + ((at > 0 ? values[k - stride]! : value) + (at < length - 1 ? values[k + stride]! : value)) / 4
    })
  }
  return values
}
