import type { LayerName } from '../layeredAtlas.js'
import { type Lattice, evaluateLattice, pixelCentres, splineAxis } from './lattice.js'
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
/** Positions in the atlas plane itself. */
const FRAME_PLANE = { origin: [0, 0], scale: 1 } as const
/** Longest side of a texture; one that would be longer gets a smaller scale. */
const LONGEST_SIDE = 4096

/** A part of a frame, in pixels of a clip. */
export interface Window {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The part of a frame where it has so much of a layer; one pixel where it has nothing of it. */
export function opaqueBox(
  { width, height }: { readonly width: number; readonly height: number },
  opacity: Float32Array,
  least = 0.02,
): Window {
  let [left, top, right, bottom] = [width, height, -1, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (opacity[y * width + x]! <= least) continue
      if (x < left) left = x
      if (x > right) right = x
      if (y < top) top = y
      bottom = y
    }
  }
  return right < 0
    ? { x: 0, y: 0, width: 1, height: 1 }
    : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }
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
  lattices.forEach((lattice, t) => {
    const opacity = clip.opacity(t)
    if (layer === 'background') for (let i = 0; i < opacity.length; i++) opacity[i] = 1 - opacity[i]!
    const box = opaqueBox(clip, opacity)
    const places = placesIn(FRAME_PLANE, lattice, clip, box)
    const plane = box.width * box.height
    for (let k = 0; k < plane; k++) {
      const i = (box.y + Math.floor(k / box.width)) * clip.width + box.x + (k % box.width)
      if (opacity[i]! < 0.02) continue
      const [u, v] = [places[k]!, places[plane + k]!]
      if (u < left) left = u
      if (u > right) right = u
      if (v < top) top = v
      if (v > bottom) bottom = v
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
    const box = opaqueBox(clip, opacity, LEAST_SHARE)
    const inFront = placesIn(front, lattices.foreground[t]!, clip, box)
    const behind = placesIn(back, lattices.background[t]!, clip)
    const area = box.width * box.height
    for (let i = 0; i < plane; i++) {
      const alpha = opacity[i]!
      const isFront = alpha > LEAST_SHARE
      const isBack = alpha < 1 - LEAST_SHARE
      const j = isFront ? (Math.floor(i / clip.width) - box.y) * box.width + (i % clip.width) - box.x : 0
      if (isFront) sampleTexture(front, inFront[j]!, inFront[area + j]!, f)
      if (isBack) sampleTexture(back, behind[i]!, behind[plane + i]!, b)
      for (let c = 0; c < 3; c++) {
        const r = colours[3 * i + c]! / 255 - (isFront ? alpha * f[c]! : 0) - (isBack ? (1 - alpha) * b[c]! : 0)
        rest[c] = r
        error += r * r
      }
      if (alpha > TELLING_SHARE) splat(frontSum, front, inFront[j]!, inFront[area + j]!, alpha, rest)
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

/** The positions of a frame's pixels, or of those of a window, in a texture, in its pixels: two planes. */
export function placesIn(
  { origin, scale }: Pick<Texture, 'origin' | 'scale'>,
  lattice: Lattice,
  { width, height, pixel }: ScaledClip,
  window: Window = { x: 0, y: 0, width, height },
): Float32Array {
  const places = evaluateLattice(
    lattice,
    splineAxis(pixelCentres(window.width, pixel, window.x), width * pixel, lattice.spacing),
    splineAxis(pixelCentres(window.height, pixel, window.y), height * pixel, lattice.spacing),
  )
  const plane = places.length / 2
  const [x, y] = origin
  for (let i = 0; i < plane; i++) {
    places[i] = (places[i]! - x) * scale
    places[plane + i] = (places[plane + i]! - y) * scale
  }
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
