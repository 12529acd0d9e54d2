import type { Texture } from './texture.js'

/** What is compared with a layer's texture in a window of n pixels: three planes of colours, and the layer's share. */
export interface ColourTarget {
  /** The frame less the other layer's share of it, [3, n]; 0 where the layer has no share. */
  readonly colours: Float32Array
  /** [n] */
  readonly share: Float32Array
  /** The sum of the shares: what the losses are means over. */
  readonly total: number
}

/**
 * The colour losses of a window, and how their weighted sum weighs a move of each of its n pixels in the atlas. The
 * arrays are those of the `ColourBuffers`.
 */
export interface ColourTerms {
  /** Mean squared colour error. */
  readonly reconstruction: number
  /** Mean squared error of the forward differences of the colour. */
  readonly gradient: number
  /** Slope of the weighted sum along x, then along y: [2, n], per px of the key frame. */
  readonly slope: Float32Array
  /** Its curvature along x, mixed and along y, summed over each block of pixels: [3, blocks]. */
  readonly curvature: Float32Array
}

/** Memory for the sums of windows of one size, which one call after the other writes anew. */
export class ColourBuffers {
  /** [3, n] */
  readonly residual: Float32Array
  /** Change of each channel along x and along y, interleaved by pixel. */
  readonly changes: Float32Array
  readonly slope: Float32Array
  readonly curvature: Float32Array

  /** @param block the curvature is summed over blocks of so many pixels along each axis */
  constructor(
    readonly width: number,
    readonly height: number,
    readonly block: number,
  ) {
    const n = width * height
    this.residual = new Float32Array(3 * n)
    this.changes = new Float32Array(6 * n)
    this.slope = new Float32Array(2 * n)
    this.curvature = new Float32Array(3 * Math.ceil(width / block) * Math.ceil(height / block))
  }
}

/**
 * Squared differences, along both axes, of numbers that do not depend on their neighbours are on average so many times
 * their squares: what the gradient loss adds to the curvature, which so stays that of single pixels.
 */
const GRADIENT_SHARE = 4

/**
 * The losses that compare share * texture with a target (layered neural atlases, Kasten et al. 2021, Eq. 7 and 8) where
 * the pixels lie at `places` [2, n], in pixels of the texture. The slopes are exact, the curvature is that of Gauss and
 * Newton: colours are taken to change as the bilinear texture does.
 */
export function colourTerms(
  { colours, share, total }: ColourTarget,
  { width: textureWidth, height: textureHeight, scale, data }: Texture,
  places: Float32Array,
  weights: { readonly reconstruction: number; readonly gradient: number },
  { width, height, block, residual, changes, slope, curvature }: ColourBuffers,
): ColourTerms {
  const n = width * height
  const blocks = Math.ceil(width / block)
  const plane = curvature.length / 3
  const perPixel = 2 / total
  const bend = perPixel * (weights.reconstruction + GRADIENT_SHARE * weights.gradient)
  curvature.fill(0)
  let squares = 0
  for (let k = 0; k < n; k++) {
    const own = share[k]!
    if (own === 0) {
      for (let c = 0; c < 3; c++) residual[c * n + k] = 0
      for (let c = 6 * k; c < 6 * k + 6; c++) changes[c] = 0
      continue
    }
    const px = Math.min(Math.max(places[k]! - 0.5, 0), textureWidth - 1)
    const py = Math.min(Math.max(places[n + k]! - 0.5, 0), textureHeight - 1)
    const column = Math.min(Math.floor(px), textureWidth - 2)
    const row = Math.min(Math.floor(py), textureHeight - 2)
    const fx = px - column
    const fy = py - row
    const above = 4 * (row * textureWidth + column)
    const below = above + 4 * textureWidth
    const steep = own * scale
    let xx = 0
    let xy = 0
    let yy = 0
    for (let c = 0; c < 3; c++) {
      const first = data[above + c]!
      const second = data[below + c]!
      const upper = data[above + 4 + c]! - first
      const lower = data[below + 4 + c]! - second
      const top = first + fx * upper
      const down = second + fx * lower - top
      const r = own * (top + fy * down) - colours[c * n + k]!
      const x = steep * (upper + fy * (lower - upper))
      const y = steep * down
      residual[c * n + k] = r
      squares += r * r
      changes[6 * k + 2 * c] = x
      changes[6 * k + 2 * c + 1] = y
      xx += x * x
      xy += x * y
      yy += y * y
    }
    const into = Math.floor(Math.floor(k / width) / block) * blocks + Math.floor((k % width) / block)
    curvature[into]! += bend * xx
    curvature[plane + into]! += bend * xy
    curvature[2 * plane + into]! += bend * yy
  }
  let differences = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const k = y * width + x
      let across = 0
      let down = 0
      for (let c = 0; c < 3; c++) {
        const at = c * n + k
        const r = residual[at]!
        let unlike = 0
        if (x > 0) unlike += r - residual[at - 1]!
        if (y > 0) unlike += r - residual[at - width]!
        if (x + 1 < width) {
          const d = r - residual[at + 1]!
          differences += d * d
          unlike += d
        }
        if (y + 1 < height) {
          const d = r - residual[at + width]!
          differences += d * d
          unlike += d
        }
        const pull = perPixel * (weights.reconstruction * r + weights.gradient * unlike)
        across += pull * changes[6 * k + 2 * c]!
        down += pull * changes[6 * k + 2 * c + 1]!
      }
      slope[k] = across
      slope[n + k] = down
    }
  }
  return { reconstruction: squares / total, gradient: differences / total, slope, curvature }
}
