import { type GreyPlane, centralDifferences } from './greyPlane.js'

/** Weights of the energy for grey values in [0, 255] (as DIS flow sets them): brightness, gradient, smoothness. */
const BRIGHTNESS = 5
const GRADIENT = 10
const SMOOTHNESS = 20
/** Squared residual below which the robust penalty sqrt(s^2 + eps^2) is quadratic. */
const EPSILON = 1e-6
/** Keeps the normalised data terms finite where the picture is flat. */
const FLAT = 0.01
/** Over-relaxation of the Gauss-Seidel sweeps. */
const RELAXATION = 1.6

export interface VariationalOptions {
  /** How often the robust weights are computed anew. */
  readonly iterations: number
  /** Gauss-Seidel sweeps for each. */
  readonly sweeps: number
}

/**
 * Variational refinement of a flow in place (Brox et al., High accuracy optical flow estimation based on a theory for
 * warping, 2004): brightness and gradient constancy and a smooth flow, all under robust penalties, linearised around
 * the flow given. Pixels whose target lies outside have no data term: the flow goes on smoothly.
 *
 * @param from, to pictures of one size
 * @param flow two planes, dx then dy, px
 */
export function refineFlow(
  from: GreyPlane,
  to: GreyPlane,
  flow: Float32Array,
  { iterations, sweeps }: VariationalOptions,
): void {
  const { width, height } = from
  const size = width * height
  const u = flow.subarray(0, size)
  const v = flow.subarray(size)
  const { mean, difference, inside } = warped(from, to, u, v)
  const [ix, iy] = centralDifferences(mean, width, height)
  const [ixx, ixy] = centralDifferences(ix, width, height)
  const [, iyy] = centralDifferences(iy, width, height)
  const [ixt, iyt] = centralDifferences(difference, width, height)
  const startU = u.slice()
  const startV = v.slice()
  const plane = () => new Float32Array(size)
  const [a12, b1, b2, n1, n2, smooth] = [plane(), plane(), plane(), plane(), plane(), plane()]

  for (let iteration = 0; iteration < iterations; iteration++) {
    smoothnessWeights(u, v, width, height, smooth)
    for (let i = 0; i < size; i++) {
      const du = u[i]! - startU[i]!
      const dv = v[i]! - startV[i]!
      const x = ix[i]!
      const y = iy[i]!
      const t = difference[i]!
      const xx = ixx[i]!
      const xy = ixy[i]!
      const yy = iyy[i]!
      const xt = ixt[i]!
      const yt = iyt[i]!
      // Brightness: the distance of (u, v) to the line it must lie on.
      const scale = 1 / (x * x + y * y + FLAT)
      const r = t + x * du + y * dv
      const wb = (inside[i]! * BRIGHTNESS * scale) / Math.sqrt(r * r * scale + EPSILON)
      // Gradient: both components under one penalty.
      const scaleX = 1 / (xx * xx + xy * xy + FLAT)
      const scaleY = 1 / (xy * xy + yy * yy + FLAT)
      const rx = xt + xx * du + xy * dv
      const ry = yt + xy * du + yy * dv
      const wg = (inside[i]! * GRADIENT) / Math.sqrt(rx * rx * scaleX + ry * ry * scaleY + EPSILON)
      const wx = wg * scaleX
      const wy = wg * scaleY
      const m11 = wb * x * x + wx * xx * xx + wy * xy * xy
      const m12 = wb * x * y + wx * xx * xy + wy * xy * yy
      const m22 = wb * y * y + wx * xy * xy + wy * yy * yy
      const su = startU[i]!
      const sv = startV[i]!
      const neighbours = 2 * smooth[i]! + smooth[i % width > 0 ? i - 1 : i]! + smooth[i >= width ? i - width : i]!
      a12[i] = m12
      n1[i] = 1 / (m11 + neighbours)
      n2[i] = 1 / (m22 + neighbours)
      b1[i] = m11 * su + m12 * sv - (wb * x * t + wx * xx * xt + wy * xy * yt)
      b2[i] = m12 * su + m22 * sv - (wb * y * t + wx * xy * xt + wy * yy * yt)
    }
    for (let sweep = 0; sweep < sweeps; sweep++) relax(u, v, width, height, a12, b1, b2, n1, n2, smooth)
  }
}

/**
 * One over-relaxed sweep: each pixel solves its two equations given its four neighbours. Beyond the border lies the
 * pixel itself, which is no force on it.
 *
 * @param n1, n2 one over the diagonals of both equations
 */
function relax(
  u: Float32Array,
  v: Float32Array,
  width: number,
  height: number,
  a12: Float32Array,
  b1: Float32Array,
  b2: Float32Array,
  n1: Float32Array,
  n2: Float32Array,
  smooth: Float32Array,
): void {
  for (let y = 0; y < height; y++) {
    const start = y * width
    const up = y > 0 ? -width : 0
    const down = y < height - 1 ? width : 0
    // The left neighbour's new values are kept at hand: the sweep waits for them at every pixel.
    let leftU = u[start]!
    let leftV = v[start]!
    let leftWeight = smooth[start]!
    for (let i = start; i < start + width; i++) {
      const right = i < start + width - 1 ? i + 1 : i
      const own = smooth[i]!
      const above = smooth[i + up]!
      const oldU = u[i]!
      const oldV = v[i]!
      const m = a12[i]!
      const su = b1[i]! + above * u[i + up]! + own * (u[right]! + u[i + down]!) - m * oldV
      const sv = b2[i]! + above * v[i + up]! + own * (v[right]! + v[i + down]!)
      leftU = oldU + RELAXATION * ((su + leftWeight * leftU) * n1[i]! - oldU)
      leftV = oldV + RELAXATION * ((sv + leftWeight * leftV - m * leftU) * n2[i]! - oldV)
      u[i] = leftU
      v[i] = leftV
      leftWeight = own
    }
  }
}

/** The weight of the edges from each pixel to its right and lower neighbour. */
function smoothnessWeights(
  u: Float32Array,
  v: Float32Array,
  width: number,
  height: number,
  weights: Float32Array,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      const right = x < width - 1 ? i + 1 : i
      const lower = y < height - 1 ? i + width : i
      const ux = u[right]! - u[i]!
      const uy = u[lower]! - u[i]!
      const vx = v[right]! - v[i]!
      const vy = v[lower]! - v[i]!
      weights[i] = SMOOTHNESS / Math.sqrt(ux * ux + uy * uy + vx * vx + vy * vy + EPSILON)
    }
  }
}

/**
 * `to` fetched by the flow (bilinear): its mean and its difference with `from`, and 1 where the target lies inside,
 * else 0.
 */
function warped(from: GreyPlane, to: GreyPlane, u: Float32Array, v: Float32Array) {
  const { width, height } = from
  const mean = new Float32Array(width * height)
  const difference = new Float32Array(width * height)
  const inside = new Float32Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      const tx = x + u[i]!
      const ty = y + v[i]!
      inside[i] = tx >= 0 && ty >= 0 && tx <= width - 1 && ty <= height - 1 ? 1 : 0
      const cx = Math.min(Math.max(tx, 0), width - 1.001)
      const cy = Math.min(Math.max(ty, 0), height - 1.001)
      const k = (cy | 0) * width + (cx | 0)
      const fx = cx - (cx | 0)
      const fy = cy - (cy | 0)
      const upper = to.data[k]! + fx * (to.data[k + 1]! - to.data[k]!)
      const lower = to.data[k + width]! + fx * (to.data[k + width + 1]! - to.data[k + width]!)
      const value = upper + fy * (lower - upper)
      mean[i] = (from.data[i]! + value) / 2
      difference[i] = value - from.data[i]!
    }
  }
  return { mean, difference, inside }
}
