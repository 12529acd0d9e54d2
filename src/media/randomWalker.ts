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
  joins: readonly Join[],
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
  const diagonal = held.slice()
  for (const { step, weight } of joins) {
    for (let i = 0; i < n; i++) {
      const w = weight[i]!
      if (w === 0) continue
      diagonal[i]! += w
      diagonal[i + step]! += w
    }
  }
  const apply = (x: Float64Array, out: Float64Array): void => {
    for (let i = 0; i < n; i++) out[i] = diagonal[i]! * x[i]!
    for (const { step, weight } of joins) {
      for (let i = 0; i + step < n; i++) {
        const w = weight[i]!
        out[i]! -= w * x[i + step]!
        out[i + step]! -= w * x[i]!
      }
    }
  }
  const x = Float64Array.from((start ?? coarseStart(guide, prior, options)).data)
  const product = new Float64Array(n)
  apply(x, product)
  const pulled = held.map((h, i) => h * prior.data[i]!)
  const residual = pulled.map((b, i) => b - product[i]!)
  const direction = residual.map((r, i) => r / diagonal[i]!)
  const enough = TOLERANCE ** 2 * dot(pulled, pulled)
  let fall = residual.reduce((sum, r, i) => sum + (r * r) / diagonal[i]!, 0)
  for (let k = 0; k < MOST_ITERATIONS && dot(residual, residual) > enough; k++) {
    apply(direction, product)
    const length = fall / dot(direction, product)
    let next = 0
    for (let i = 0; i < n; i++) {
      x[i]! += length * direction[i]!
      const r = residual[i]! - length * product[i]!
      residual[i] = r
      next += (r * r) / diagonal[i]!
    }
    const turn = next / fall
    fall = next
    for (let i = 0; i < n; i++) direction[i] = residual[i]! / diagonal[i]! + turn * direction[i]!
  }
  return { width, height, channels: 1, data: Float32Array.from(x) }
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

/**
 * One of the four ways to a neighbour that is not yet joined: `weight[i]` between pixel i and pixel i + step, 0 where
 * there is none.
 */
interface Join {
  readonly step: number
  readonly weight: Float64Array
}

function joinsOf({ width, height, data }: FloatImage, beta: number): Join[] {
  const n = width * height
  let [sum, count] = [0, 0]
  const joins = (
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
        sum += weight[i]
        count++
      }
    }
    return { step, weight, distance: Math.hypot(down, right) }
  })
  const mean = count > 0 ? sum / count : 0
  for (const { weight, distance } of joins) {
    for (let i = 0; i < n; i++) {
      const square = weight[i]!
      weight[i] = square < 0 ? 0 : ((mean > 0 ? Math.exp((-beta * square) / mean) : 1) + WEAKEST_JOIN) / distance
    }
  }
  return joins
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
