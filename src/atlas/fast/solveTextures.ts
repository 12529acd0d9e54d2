import type { LayerName } from '../layeredAtlas.js'
import { type Lattice, type SplineAxis, evaluateLattice, pixelCentres, splineAxis } from './lattice.js'
import { fillTexels } from './fillTexels.js'
import type { ScaledClip } from './scaledClip.js'
import { type Texture, sampleTexture } from './texture.js'

export type Layers<T> = Readonly<Record<LayerName, T>>

/** Less of a pixel than this is not counted as the layer's. */
const LEAST_SHARE = 0.004
/**
 * A pixel says something of a layer's texture when it has so much of it: of less, what the other layer leaves
 * unexplained would become colour.
 */
const TELLING_SHARE = 0.1
/** Longest side of a texture; one that would be longer gets a smaller scale. */
const LONGEST_SIDE = 4096

/** The axes of a clip's pixel centres for a lattice of `spacing`. */
function clipAxes({ width, height, pixel }: ScaledClip, spacing: number): { x: SplineAxis; y: SplineAxis } {
  return {
    x: splineAxis(pixelCentres(width, pixel), width * pixel, spacing),
    y: splineAxis(pixelCentres(height, pixel), height * pixel, spacing),
  }
}

/**
 * An empty texture that holds all pixels of a layer, with `margin` px (of the key frame) around them.
 * @param scale its pixels to a px of the key frame; less if a side would exceed 4096
 */
export function emptyTexture(
  layer: LayerName,
  clip: ScaledClip,
  lattices: readonly Lattice[],
  scale: number,
  margin: number,
): Texture {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  const plane = clip.width * clip.height
  lattices.forEach((lattice, t) => {
    const { x, y } = clipAxes(clip, lattice.spacing)
    const places = evaluateLattice(lattice, x, y)
    const opacity = clip.opacity(t)
    for (let i = 0; i < plane; i++) {
      if ((layer === 'foreground' ? opacity[i]! : 1 - opacity[i]!) < 0.02) continue
      left = Math.min(left, places[i]!)
      right = Math.max(right, places[i]!)
      top = Math.min(top, places[plane + i]!)
      bottom = Math.max(bottom, places[plane + i]!)
    }
  })
  if (left > right) [left, top, right, bottom] = [0, 0, 1, 1]
  const fitting = Math.min(scale, LONGEST_SIDE / (Math.max(right - left, bottom - top) + 2 * margin))
  const length = (low: number, high: number) => Math.max(2, Math.ceil((high - low + 2 * margin) * fitting))
  const width = length(left, right)
  const height = length(top, bottom)
  // Rounded to float32, as files keep them.
  return {
    origin: [Math.fround(left - margin), Math.fround(top - margin)],
    scale: Math.fround(fitting),
    width,
    height,
    data: new Float32Array(4 * width * height),
  }
}

/**
 * Moves both textures towards the least squares of frame = opacity * foreground + (1 - opacity) * background, all
 * mappings and opacities given: one step of majorised descent (each texel's step is over its row sums, so it never
 * overshoots). From empty textures the first step gives the weighted means of the pixels that show each texel, the next
 * ones sharpen them.
 *
 * @param pause called between frames
 * @returns the textures and the mean squared error of the colours *before* the step
 */
export async function improveTextures(
  clip: ScaledClip,
  lattices: Layers<readonly Lattice[]>,
  textures: Layers<Texture>,
  pause: () => Promise<void>,
): Promise<{ textures: Layers<Texture>; error: number }> {
  const front = textures.foreground
  const back = textures.background
  const frontSum = new Float32Array(front.data.length)
  const backSum = new Float32Array(back.data.length)
  const plane = clip.width * clip.height
  const f = new Float32Array(3)
  const b = new Float32Array(3)
  const rest = new Float32Array(3)
  let error = 0
  for (let t = 0; t < clip.colours.length; t++) {
    await pause()
    const colours = clip.colours[t]!
    const opacity = clip.opacity(t)
    const inFront = placesIn(front, lattices.foreground[t]!, clip)
    const behind = placesIn(back, lattices.background[t]!, clip)
    for (let i = 0; i < plane; i++) {
      const alpha = opacity[i]!
      const isFront = alpha > LEAST_SHARE
      const isBack = alpha < 1 - LEAST_SHARE
      if (isFront) sampleTexture(front, inFront[i]!, inFront[plane + i]!, f)
      if (isBack) sampleTexture(back, behind[i]!, behind[plane + i]!, b)
      for (let c = 0; c < 3; c++) {
        const r = colours[3 * i + c]! / 255 - (isFront ? alpha * f[c]! : 0) - (isBack ? (1 - alpha) * b[c]! : 0)
        rest[c] = r
        error += r * r
      }
      if (alpha > TELLING_SHARE) splat(frontSum, front, inFront[i]!, inFront[plane + i]!, alpha, rest)
      if (1 - alpha > TELLING_SHARE) splat(backSum, back, behind[i]!, behind[plane + i]!, 1 - alpha, rest)
    }
  }
  const stepped = (texture: Texture, sum: Float32Array): Texture => {
    for (let k = 0; k < sum.length; k += 4) {
      // From summed residuals to the weighted colour that the step leads to.
      for (let c = 0; c < 3; c++) {
        const colour = texture.data[k + c]! + sum[k + c]! / Math.max(sum[k + 3]!, 1e-6)
        sum[k + c] = sum[k + 3]! * Math.min(Math.max(colour, 0), 1)
      }
    }
    return { ...texture, data: fillTexels(sum, texture.width, texture.height) }
  }
  return {
    textures: { foreground: stepped(front, frontSum), background: stepped(back, backSum) },
    error: error / (3 * plane * clip.colours.length),
  }
}

/** The positions of a frame's pixels in a texture, in its pixels: two planes. */
export function placesIn({ origin, scale }: Texture, lattice: Lattice, clip: ScaledClip): Float32Array {
  const { x, y } = clipAxes(clip, lattice.spacing)
  const places = evaluateLattice(lattice, x, y)
  const plane = places.length / 2
  for (let i = 0; i < places.length; i++) places[i] = (places[i]! - origin[i < plane ? 0 : 1]) * scale
  return places
}

/** Adds weight * colour, and weight, to the four texels around (x, y). */
function splat(
  sum: Float32Array,
  { width, height }: Texture,
  x: number,
  y: number,
  weight: number,
  colour: Float32Array,
): void {
  const px = Math.min(Math.max(x - 0.5, 0), width - 1)
  const py = Math.min(Math.max(y - 0.5, 0), height - 1)
  const column = Math.min(Math.floor(px), width - 2)
  const row = Math.min(Math.floor(py), height - 2)
  const fx = px - column
  const fy = py - row
  for (let tap = 0; tap < 4; tap++) {
    const w = weight * (tap & 1 ? fx : 1 - fx) * (tap & 2 ? fy : 1 - fy)
    const k = 4 * ((row + (tap >> 1)) * width + column + (tap & 1))
    sum[k]! += w * colour[0]!
    sum[k + 1]! += w * colour[1]!
    sum[k + 2]! += w * colour[2]!
    sum[k + 3]! += w
  }
}
