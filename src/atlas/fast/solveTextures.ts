import type { LayerName } from '../layeredAtlas.js'
import { type Lattice, evaluateLattice, pixelCentres, splineAxis } from './lattice.js'
import { fillTexels } from './fillTexels.js'
import type { ScaledClip } from './scaledClip.js'
import type { Texture } from './texture.js'

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

/** What of the atlas plane is seen, px of the key frame. */
export interface Extent {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** What frames `own.first` up to `own.end` show of a layer; null for nothing. */
export function layerExtent(
  layer: LayerName,
  clip: ScaledClip,
  lattices: readonly Lattice[],
  own: OwnFrames,
): Extent | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (let t = own.first; t < own.end; t++) {
    const opacity = clip.opacity(t)
    if (layer === 'background') for (let i = 0; i < opacity.length; i++) opacity[i] = 1 - opacity[i]!
    const box = opaqueBox(clip, opacity)
    const places = placesIn(FRAME_PLANE, lattices[t]!, clip, box)
    const plane = box.width * box.height
    for (let y = 0; y < box.height; y++) {
      for (let x = 0; x < box.width; x++) {
        if (opacity[(box.y + y) * clip.width + box.x + x]! < 0.02) continue
        const k = y * box.width + x
        const u = places[k]!
        const v = places[plane + k]!
        if (u < left) left = u
        if (u > right) right = u
        if (v < top) top = v
        if (v > bottom) bottom = v
      }
    }
  }
  return left > right ? null : { left, top, right, bottom }
}

/** What either shows. */
export function bothExtents(a: Extent | null, b: Extent | null): Extent | null {
  if (a === null || b === null) return a ?? b
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  }
}

/**
 * An empty texture that holds all that is seen of a layer, with `margin` px (of the key frame) around it.
 * @param scale its pixels to a px of the key frame; less if a side would exceed 4096
 */
export function emptyTexture(extent: Extent | null, scale: number, margin: number): Texture {
  const { left, top, right, bottom } = extent ?? { left: 0, top: 0, right: 1, bottom: 1 }
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

/** What frames ask of textures. */
export interface ColourSums {
  /** As the data of each texture: residual colours times weight, and the weight. */
  readonly sums: Layers<Float32Array>
  /** Squared error of the colours. */
  readonly squares: number
  /** Of how many colours: three a pixel. */
  readonly colours: number
}

/**
 * Nearly the least squares of frame = opacity * foreground + (1 - opacity) * background, all mappings and opacities
 * given: steps of majorised descent (each texel's step is over its row sums, so it never overshoots), each from where
 * the last one leads (Nesterov 1983). From empty textures the first step gives the weighted means of the pixels that
 * show each texel, the next ones sharpen them.
 *
 * @param sumColours what all frames ask of textures, `sumColours`; `black` as long as nothing is in them yet
 * @returns the textures and the mean squared error of the colours *before* the last step
 */
export async function solveTextures(
  empty: Layers<Texture>,
  steps: number,
  sumColours: (textures: Layers<Texture>, black: boolean) => Promise<ColourSums>,
  onStep?: (step: number) => void,
): Promise<{ textures: Layers<Texture>; error: number }> {
  let textures = empty
  let from = empty
  let error = 0
  for (let k = 0; k < steps; k++) {
    const before = textures
    const { sums, squares, colours } = await sumColours(from, k === 0)
    error = squares / colours
    textures = {
      foreground: stepped(from.foreground, sums.foreground),
      background: stepped(from.background, sums.background),
    }
    if (k > 0 && k + 1 < steps) {
      const share = k / (k + 3)
      from = {
        foreground: beyond(before.foreground, textures.foreground, share),
        background: beyond(before.background, textures.background, share),
      }
    } else from = textures
    onStep?.(k + 1)
  }
  return { textures, error }
}

/** The texture that lies as far beyond `to`, seen from `from`, as `share` says; it takes the memory of `from`. */
function beyond({ data }: Texture, to: Texture, share: number): Texture {
  for (let k = 0; k < data.length; k++) data[k] = to.data[k]! + share * (to.data[k]! - data[k]!)
  return { ...to, data }
}

/** One step of a texture by its sums, whose memory is used up. */
function stepped(texture: Texture, sum: Float32Array): Texture {
  for (let k = 0; k < sum.length; k += 4) {
    // From summed residuals to the weighted colour that the step leads to.
    for (let c = 0; c < 3; c++) {
      const colour = texture.data[k + c]! + sum[k + c]! / Math.max(sum[k + 3]!, 1e-6)
      sum[k + c] = sum[k + 3]! * Math.min(Math.max(colour, 0), 1)
    }
  }
  return { ...texture, data: fillTexels(sum, texture.width, texture.height) }
}

/** The frames from `first` up to, not including, `end`. */
export interface OwnFrames {
  readonly first: number
  readonly end: number
}

/**
 * What some frames ask of textures.
 * @param black nothing is in the textures yet
 * @param sums memory for them, as large as the data of the textures
 * @param pause called between frames
 */
export async function sumColours(
  clip: ScaledClip,
  lattices: Layers<readonly Lattice[]>,
  own: OwnFrames,
  { foreground: front, background: back }: Layers<Texture>,
  black: boolean,
  sums: Layers<Float32Array>,
  pause: () => Promise<void>,
): Promise<ColourSums> {
  sums.foreground.fill(0)
  sums.background.fill(0)
  const plane = clip.width * clip.height
  const whole: Window = { x: 0, y: 0, width: clip.width, height: clip.height }
  const rest = new Float32Array(3 * plane)
  let squares = 0
  for (let t = own.first; t < own.end; t++) {
    await pause()
    const colours = clip.colours[t]!
    const opacity = clip.opacity(t)
    const remaining = opacity.map((alpha) => 1 - alpha)
    const box = opaqueBox(clip, opacity, LEAST_SHARE)
    const inFront = tapsIn(front, lattices.foreground[t]!, clip, box)
    const behind = tapsIn(back, lattices.background[t]!, clip, whole)
    for (let k = 0; k < rest.length; k++) rest[k] = colours[k]! / 255
    if (!black) {
      subtract(rest, front, inFront, opacity, clip.width)
      subtract(rest, back, behind, remaining, clip.width)
    }
    for (let k = 0; k < rest.length; k++) squares += rest[k]! * rest[k]!
    splat(sums.foreground, front, inFront, opacity, rest, clip.width)
    splat(sums.background, back, behind, remaining, rest, clip.width)
  }
  return { sums, squares, colours: 3 * plane * (own.end - own.first) }
}

/** The positions of a frame's pixels, or of those of a window, in a texture, in its pixels: two planes. */
export function placesIn(
  { origin, scale }: Pick<Texture, 'origin' | 'scale'>,
  lattice: Lattice,
  { width, height, pixel }: ScaledClip,
  window: Window = { x: 0, y: 0, width, height },
): Float32Array {
  const [x, y] = origin
  // A spline's weights add up to 1: moving and scaling its control points does so with all places.
  const data = lattice.data.slice()
  for (let k = 0; k < data.length; k++) data[k] = (data[k]! - (k < data.length / 2 ? x : y)) * scale
  return evaluateLattice(
    { ...lattice, data },
    splineAxis(pixelCentres(window.width, pixel, window.x), width * pixel, lattice.spacing),
    splineAxis(pixelCentres(window.height, pixel, window.y), height * pixel, lattice.spacing),
  )
}

/** Where the pixels of a window lie between the texels of a texture, `tapsIn`. */
interface Taps {
  readonly window: Window
  /** Where the red of the upper left of the four texels around a pixel lies in the texture's data. */
  readonly at: Int32Array
  /** How far the pixel is from it, in texels. */
  readonly across: Float32Array
  readonly down: Float32Array
}

function tapsIn(texture: Texture, lattice: Lattice, clip: ScaledClip, window: Window): Taps {
  const { width, height } = texture
  const places = placesIn(texture, lattice, clip, window)
  const n = places.length / 2
  const at = new Int32Array(n)
  const across = places.subarray(0, n)
  const down = places.subarray(n)
  for (let i = 0; i < n; i++) {
    const x = Math.min(Math.max(across[i]! - 0.5, 0), width - 1)
    const y = Math.min(Math.max(down[i]! - 0.5, 0), height - 1)
    const column = Math.min(Math.floor(x), width - 2)
    const row = Math.min(Math.floor(y), height - 2)
    at[i] = 4 * (row * width + column)
    across[i] = x - column
    down[i] = y - row
  }
  return { window, at, across, down }
}

// Without calls in their loops: a number that is handed over is put on the heap where the callee is not inlined.

/** Takes share * texture from the colours of a frame, RGB, interleaved. */
function subtract(
  rest: Float32Array,
  { width, data }: Texture,
  { window, at, across, down }: Taps,
  share: Float32Array,
  frameWidth: number,
): void {
  const below = 4 * width
  for (let y = 0; y < window.height; y++) {
    for (let x = 0; x < window.width; x++) {
      const i = (window.y + y) * frameWidth + window.x + x
      const own = share[i]!
      if (own <= LEAST_SHARE) continue
      const j = y * window.width + x
      const k = at[j]!
      const fx = across[j]!
      const fy = down[j]!
      for (let c = 0; c < 3; c++) {
        const l = k + c
        const upper = data[l]! + fx * (data[l + 4]! - data[l]!)
        const lower = data[l + below]! + fx * (data[l + below + 4]! - data[l + below]!)
        rest[3 * i + c]! -= own * (upper + fy * (lower - upper))
      }
    }
  }
}

/** Adds share * colour, and the share, to the four texels around each pixel that says something of the texture. */
function splat(
  sum: Float32Array,
  { width }: Texture,
  { window, at, across, down }: Taps,
  share: Float32Array,
  colours: Float32Array,
  frameWidth: number,
): void {
  for (let y = 0; y < window.height; y++) {
    for (let x = 0; x < window.width; x++) {
      const i = (window.y + y) * frameWidth + window.x + x
      const own = share[i]!
      if (own <= TELLING_SHARE) continue
      const j = y * window.width + x
      const low = own * down[j]!
      const high = own - low
      const right = across[j]!
      const red = colours[3 * i]!
      const green = colours[3 * i + 1]!
      const blue = colours[3 * i + 2]!
      for (let row = 0; row < 2; row++) {
        const k = at[j]! + 4 * row * width
        const both = row === 0 ? high : low
        const second = both * right
        const first = both - second
        sum[k]! += first * red
        sum[k + 1]! += first * green
        sum[k + 2]! += first * blue
        sum[k + 3]! += first
        sum[k + 4]! += second * red
        sum[k + 5]! += second * green
        sum[k + 6]! += second * blue
        sum[k + 7]! += second
      }
    }
  }
}
