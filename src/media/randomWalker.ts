import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'
import { resize } from './resample.js'

export interface WalkOptions {
  /**
   * How fast a contrast stops the walk: two neighbours are joined by exp(-beta d / mean d), d their squared difference
   * in colour.
   */
  readonly beta: number
  /**
   * Pull of the prior at full certainty beside a join of 1, for a short side of 256 pixels; it is scaled to other
   * sizes.
   */
  readonly pull: number
}

/** Joins are never weaker than this, so that every pixel is told something. */
const WEAKEST_JOIN = 1e-4
/** Pull of a prior that is undecided, beside that of a certain one. */
const UNDECIDED = 0.05
/** Pictures with a longer short side are solved at half the size first. */
const SMALLEST_HALVED = 64
/**
 * The residual that ends the conjugate gradients, beside the right side's length, and the most of them: more were not
 * seen to move an outline.
 */
const TOLERANCE = 1e-3
const MOST_ITERATIONS = 100

/**
 * A prior drawn to the edges of the guide.
 * @param prior one channel of the guide's size, [0, 1]; how far it is from 1/2 says how certain it is
 * @param start where the iteration starts, for instance the result for a similar prior; absent: the result at half the
 *   size
 * @returns one channel within the range of the prior, to the solver's tolerance
 * @throws Text2LiveError SHAPE_MISMATCH
 */
type Walk = (prior: FloatImage, start?: FloatImage) => FloatImage

/**
 * Draws maps to the edges of a picture: the minimum of sum_ij w_ij (x_i - x_j)^2 + sum_i p_i (x_i - prior_i)^2 over the
 * eight neighbours j of each pixel i, the random walker with priors (Grady, Multilabel Random Walker Image Segmentation
 * Using Prior Models, 2005, Eq. 9). Inside an area without edges the result is nearly even, whatever blob the prior has
 * there. Conjugate gradients with the diagonal as preconditioner.
 *
 * @param guide 3 channels, [0, 1]
 */
export function randomWalker(guide: FloatImage, options: WalkOptions): Walk {
  const joins = joinsOf(guide, options.beta)
  return (prior, start) => walked(guide, joins, options, prior, start)
}

function walked(
  guide: FloatImage,
  joins: Joins,
  options: WalkOptions,
  prior: FloatImage,
  start?: FloatImage,
): FloatImage {
  const { width, height } = guide
  const n = width * height
  if (
    guide.channels !== 3 ||
    [prior, start ?? prior].some((map) => map.width !== width || map.height !== height || map.channels !== 1)
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `randomWalker expected a guide of 3 channels and maps of one channel and its size, ` +
        `got ${guide.channels} channels of ${width}x${height} and maps of ${prior.width}x${prior.height}${start ? `, ${start.width}x${start.height}` : ''}.`,
    )
  }
  const scale = (256 / Math.min(width, height)) ** 2
  const held = new Float64Array(prior.data).map((p) => options.pull * scale * (Math.abs(2 * p - 1) + UNDECIDED))
  const diagonal = held.map((h, i) => h + joins.sum[i]!)
  const border = width + 1
  const x = bordered(width, (start ?? coarseStart(guide, prior, options)).data)
  const [product, residual, direction] = [new Float64Array(n), new Float64Array(n), new Float64Array(x.length)]
  apply(joins, diagonal, x, product)
  let [pulled, left, fall] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    const b = held[i]! * prior.data[i]!
    const r = b - product[i]!
    residual[i] = r
    direction[border + i] = r / diagonal[i]!
    pulled += b * b
    left += r * r
    fall += (r * r) / diagonal[i]!
  }
  for (let k = 0; k < MOST_ITERATIONS && left > TOLERANCE ** 2 * pulled; k++) {
    const length = fall / apply(joins, diagonal, direction, product)
    let next = 0
    left = 0
    for (let i = 0; i < n; i++) {
      x[border + i]! += length * direction[border + i]!
      const r = residual[i]! - length * product[i]!
      residual[i] = r
      left += r * r
      next += (r * r) / diagonal[i]!
    }
    const turn = next / fall
    fall = next
    for (let i = 0; i < n; i++) direction[border + i] = residual[i]! / diagonal[i]! + turn * direction[border + i]!
  }
  return { width, height, channels: 1, data: new Float32Array(x.subarray(border, border + n)) }
}

/**
 * The product of the system's matrix with a bordered x, written to `out` without a border; its dot product with x is
 * returned. The neighbours of each pixel are gathered, so that each result is written once.
 */
function apply(
  { width, east, south, southEast, southWest }: Joins,
  diagonal: Float64Array,
  x: Float64Array,
  out: Float64Array,
): number {
  let dot = 0
  for (let i = 0, at = width + 1; i < out.length; i++, at++) {
    const own = x[at]!
    const value =
      diagonal[i]! * own -
      east[at]! * x[at + 1]! -
      east[at - 1]! * x[at - 1]! -
      south[at]! * x[at + width]! -
      south[at - width]! * x[at - width]! -
      southEast[at]! * x[at + width + 1]! -
      southEast[at - width - 1]! * x[at - width - 1]! -
      southWest[at]! * x[at + width - 1]! -
      southWest[at - width + 1]! * x[at - width + 1]!
    out[i] = value
    dot += own * value
  }
  return dot
}

/** The values with a row and a pixel of zeros before and behind, so that each pixel has all its neighbours. */
function bordered(width: number, values: ArrayLike<number>): Float64Array {
  const out = new Float64Array(values.length + 2 * (width + 1))
  out.set(values, width + 1)
  return out
}

function coarseStart(guide: FloatImage, prior: FloatImage, options: WalkOptions): FloatImage {
  const { width, height } = guide
  if (Math.min(width, height) < SMALLEST_HALVED) return prior
  const halved = (image: FloatImage) =>
    resize(image, Math.round(width / 2), Math.round(height / 2), { filter: 'bilinear', antialias: true })
  return resize(randomWalker(halved(guide), options)(halved(prior)), width, height, {
    filter: 'bilinear',
    antialias: false,
  })
}

/** What joins each pixel to the neighbour on the side that is named, bordered; 0 where there is none. */
interface Joins {
  readonly width: number
  readonly east: Float64Array
  readonly south: Float64Array
  readonly southEast: Float64Array
  readonly southWest: Float64Array
  /** Of all eight joins of each pixel, without a border. */
  readonly sum: Float64Array
}

function joinsOf({ width, height, data }: FloatImage, beta: number): Joins {
  const n = width * height
  let [total, count] = [0, 0]
  const ways = (
    [
      [0, 1],
      [1, 0],
      [1, 1],
      [1, -1],
    ] as const
  ).map(([down, right]) => {
    const step = down * width + right
    const weight = new Float64Array(n).fill(-1)
    for (let y = 0; y < height - down; y++) {
      for (let x = Math.max(0, -right); x < width - Math.max(0, right); x++) {
        const i = y * width + x
        let square = 0
        for (let c = 0; c < 3; c++) square += (data[c * n + i]! - data[c * n + i + step]!) ** 2
        weight[i] = square / (down * down + right * right)
        total += weight[i]
        count++
      }
    }
    return { step, weight, distance: Math.hypot(down, right) }
  })
  const mean = count > 0 ? total / count : 0
  const sum = new Float64Array(n)
  const [east, south, southEast, southWest] = ways.map(({ step, weight, distance }) => {
    for (let i = 0; i < n; i++) {
      const square = weight[i]!
      if (square < 0) {
        weight[i] = 0
        continue
      }
      const join = ((mean > 0 ? Math.exp((-beta * square) / mean) : 1) + WEAKEST_JOIN) / distance
      weight[i] = join
      sum[i]! += join
      sum[i + step]! += join
    }
    return bordered(width, weight)
  })
  return { width, east: east!, south: south!, southEast: southEast!, southWest: southWest!, sum }
}
