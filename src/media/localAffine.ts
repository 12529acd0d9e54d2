import { Text2LiveError } from '../errors.js'
import { boxMean } from './boxMean.js'
import type { FloatImage } from './image.js'

/**
 * Around each pixel, one channel as an affine function of the guide's colour: `slope . guide + offset`. All planes are
 * `[height * width]`.
 */
export interface LocalAffine {
  readonly slope: readonly [Float64Array, Float64Array, Float64Array]
  readonly offset: Float64Array
  /**
   * In [0, 1]: the part of the channel's local variance that the function explains (0 where there is none to explain).
   */
  readonly explained: Float64Array
}

/**
 * Ridge regression of each target on the guide's colour in the window around each pixel, averaged over the windows that
 * hold the pixel (He, Sun, Tang, Guided Image Filtering, 2013, Eqs. 14-16).
 *
 * @param guide 3 channels
 * @param targets planes of the guide's size
 * @param radius of the window, pixels
 * @param epsilon regularisation, in squared units of the guide: guide edges below sqrt(epsilon) are not followed
 * @param weight how much each pixel counts, > 0; all the same when left out
 */
export function localAffine(
  guide: FloatImage,
  targets: readonly Float32Array[],
  radius: number,
  epsilon: number,
  weight?: Float32Array,
): LocalAffine[] {
  const { width, height, data } = guide
  const plane = width * height
  if (guide.channels !== 3 || targets.some((target) => target.length !== plane)) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `localAffine expected a 3-channel guide and targets of ${plane} values, got ${guide.channels} channels and ${targets.map((t) => t.length).join(', ')}.`,
    )
  }
  const colour = [0, 1, 2].map((c) => data.subarray(c * plane, (c + 1) * plane)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  const windowWeight = weight && boxMean(weight, width, height, radius)

  const mean = (a: Float32Array, b?: Float32Array): Float64Array => {
    const means = boxMean(weighted(a, b, weight), width, height, radius)
    return windowWeight ? divide(means, windowWeight) : means
  }
  const windowTotal = windowWeight && boxMean(windowWeight, width, height, radius)
  const overWindows = (values: Float64Array): Float64Array => {
    if (!windowWeight || !windowTotal) return boxMean(values, width, height, radius)
    for (let i = 0; i < plane; i++) values[i] = values[i]! * windowWeight[i]!
    return divide(boxMean(values, width, height, radius), windowTotal)
  }

  const [r, g, b] = colour
  const means = colour.map((channel) => mean(channel)) as [Float64Array, Float64Array, Float64Array]
  const [mr, mg, mb] = means
  const [irr, irg, irb, igg, igb, ibb] = inverseCovariance(
    [mean(r, r), mean(r, g), mean(r, b), mean(g, g), mean(g, b), mean(b, b)],
    means,
    epsilon,
  )

  return targets.map((target) => {
    const mt = mean(target)
    const square = mean(target, target)
    const cross = colour.map((channel) => mean(channel, target)) as [Float64Array, Float64Array, Float64Array]
    const slope = [new Float64Array(plane), new Float64Array(plane), new Float64Array(plane)] as const
    const offset = new Float64Array(plane)
    const explained = new Float64Array(plane)
    for (let i = 0; i < plane; i++) {
      const cr = cross[0][i]! - mr[i]! * mt[i]!
      const cg = cross[1][i]! - mg[i]! * mt[i]!
      const cb = cross[2][i]! - mb[i]! * mt[i]!
      const rg = irg[i]!
      const rb = irb[i]!
      const gb = igb[i]!
      const sr = irr[i]! * cr + rg * cg + rb * cb
      const sg = rg * cr + igg[i]! * cg + gb * cb
      const sb = rb * cr + gb * cg + ibb[i]! * cb
      slope[0][i] = sr
      slope[1][i] = sg
      slope[2][i] = sb
      offset[i] = mt[i]! - sr * mr[i]! - sg * mg[i]! - sb * mb[i]!
      const variance = square[i]! - mt[i]! * mt[i]!
      // 1e-8: below the rounding of 8-bit samples there is nothing to explain, and the quotient would be noise.
      explained[i] = Math.min(1, Math.max(0, (sr * cr + sg * cg + sb * cb) / (variance + 1e-8)))
    }
    return {
      slope: [overWindows(slope[0]), overWindows(slope[1]), overWindows(slope[2])],
      offset: overWindows(offset),
      explained: overWindows(explained),
    }
  })
}

/** `a`, or `a * b`, times the weight. */
function weighted(a: Float32Array, b: Float32Array | undefined, weight: Float32Array | undefined): Float64Array {
  const values = new Float64Array(a)
  if (b) for (let i = 0; i < values.length; i++) values[i] = values[i]! * b[i]!
  if (weight) for (let i = 0; i < values.length; i++) values[i] = values[i]! * weight[i]!
  return values
}

/** Divides in place. */
function divide(values: Float64Array, by: Float64Array): Float64Array {
  for (let i = 0; i < values.length; i++) values[i] = values[i]! / by[i]!
  return values
}

type Symmetric = [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]

/**
 * Per pixel the inverse of (covariance + epsilon I), upper triangle rr rg rb gg gb bb; overwrites `products`, the mean
 * products.
 */
function inverseCovariance(
  products: Symmetric,
  means: readonly [Float64Array, Float64Array, Float64Array],
  epsilon: number,
): Symmetric {
  const [mr, mg, mb] = means
  for (let i = 0; i < mr.length; i++) {
    const rr = products[0][i]! - mr[i]! * mr[i]! + epsilon
    const rg = products[1][i]! - mr[i]! * mg[i]!
    const rb = products[2][i]! - mr[i]! * mb[i]!
    const gg = products[3][i]! - mg[i]! * mg[i]! + epsilon
    const gb = products[4][i]! - mg[i]! * mb[i]!
    const bb = products[5][i]! - mb[i]! * mb[i]! + epsilon
    const c0 = gg * bb - gb * gb
    const c1 = rb * gb - rg * bb
    const c2 = rg * gb - rb * gg
    const determinant = rr * c0 + rg * c1 + rb * c2
    products[0][i] = c0 / determinant
    products[1][i] = c1 / determinant
    products[2][i] = c2 / determinant
    products[3][i] = (rr * bb - rb * rb) / determinant
    products[4][i] = (rb * rg - rr * gb) / determinant
    products[5][i] = (rr * gg - rg * rg) / determinant
  }
  return products
}
