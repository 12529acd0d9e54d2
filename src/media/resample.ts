import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'
import { resampleTaps, type ResampleFilter, type ResampleTaps } from './resampleTaps.js'
import { stripsOf, type Strips } from './strips.js'

/** How a picture is resized. */
export interface ResizeOptions {
  readonly filter: ResampleFilter
  /** Widen the kernel when shrinking (Pillow); false: PyTorch's `interpolate(..., antialias=False)`. */
  readonly antialias: boolean
  /**
   * Work as Pillow does on 8-bit images: 22-bit weights, each pass rounded to 8 bits. The published code resizes 8-bit
   * images.
   */
  readonly round8?: boolean
}

/**
 * Separable resize, rows first, then columns. Half-pixel centres; an axis that keeps its size is copied.
 * Cubic and Lanczos kernels overshoot: without `round8` results may leave [0, 1].
 *
 * @throws Text2LiveError SHAPE_MISMATCH when a side is not a positive whole number.
 */
export function resize(image: FloatImage, width: number, height: number, options: ResizeOptions): FloatImage {
  assertSides(width, height)
  const data = downColumns(acrossRows(image, width, options), image, width, height, options)
  return { width, height, channels: image.channels, data: data === image.data ? data.slice() : data }
}

/** As `resize`, bit for bit, of a picture that is given in strips: only what is left of each row is held. */
export function resizeStrips(source: Strips, width: number, height: number, options: ResizeOptions): FloatImage {
  assertSides(width, height)
  const { channels } = source
  const narrow = new Float32Array(channels * source.height * width)
  for (const { y, rows } of stripsOf(source.height)) {
    const part = acrossRows(source.strip(y, rows), width, options)
    for (let c = 0; c < channels; c++)
      narrow.set(part.subarray(c * rows * width, (c + 1) * rows * width), (c * source.height + y) * width)
  }
  return { width, height, channels, data: downColumns(narrow, source, width, height, options) }
}

function assertSides(width: number, height: number): void {
  if (Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1) return
  throw new Text2LiveError('SHAPE_MISMATCH', `resize expected whole sides of at least 1 px, got ${width}x${height}.`)
}

/** Each row brought to `width`; with `round8` as whole numbers up to 255. */
function acrossRows(
  image: FloatImage,
  width: number,
  { filter, antialias, round8 = false }: ResizeOptions,
): Float32Array {
  const data = round8 ? image.data.map((value) => Math.round(value * 255)) : image.data
  return width === image.width
    ? data
    : alongRows(data, image.width, prepare(resampleTaps(image.width, width, filter, antialias), round8), round8)
}

/** What `acrossRows` left brought to `height`, in [0, 1] again. */
function downColumns(
  rows: Float32Array,
  from: { readonly height: number },
  width: number,
  height: number,
  { filter, antialias, round8 = false }: ResizeOptions,
): Float32Array {
  const data =
    height === from.height
      ? rows
      : alongColumns(
          rows,
          width,
          from.height,
          prepare(resampleTaps(from.height, height, filter, antialias), round8),
          round8,
        )
  if (round8) for (let i = 0; i < data.length; i++) data[i] = data[i]! / 255
  return data
}

/** Pillow's fixed point for 8-bit images: sums of 8-bit samples keep 2 bits to spare in 32. */
const fixedPoint = 2 ** 22

function prepare(taps: ResampleTaps, round8: boolean): ResampleTaps {
  if (!round8) return taps
  return { ...taps, weight: taps.weight.map((w) => Math.trunc(w * fixedPoint + (w < 0 ? -0.5 : 0.5))) }
}

function round(sum: number): number {
  const sample = Math.floor((sum + fixedPoint / 2) / fixedPoint)
  return sample < 0 ? 0 : sample > 255 ? 255 : sample
}

function alongRows(
  source: Float32Array,
  from: number,
  { size, taps, start, count, weight }: ResampleTaps,
  round8: boolean,
): Float32Array {
  const rows = source.length / from
  const target = new Float32Array(rows * size)
  for (let row = 0; row < rows; row++) {
    const base = row * from
    for (let o = 0; o < size; o++) {
      let sum = 0
      const first = base + start[o]!
      const used = count[o]!
      for (let k = 0; k < used; k++) sum += weight[o * taps + k]! * source[first + k]!
      target[row * size + o] = round8 ? round(sum) : sum
    }
  }
  return target
}

/** Works on whole rows so that memory is read in order. */
function alongColumns(
  source: Float32Array,
  width: number,
  from: number,
  weights: ResampleTaps,
  round8: boolean,
): Float32Array {
  const { size, taps, start, count, weight } = weights
  const channels = source.length / (width * from)
  const target = new Float32Array(channels * size * width)
  const sums = new Float64Array(width)
  for (let c = 0; c < channels; c++) {
    for (let o = 0; o < size; o++) {
      sums.fill(0)
      for (let k = 0; k < count[o]!; k++) {
        const w = weight[o * taps + k]!
        const row = (c * from + start[o]! + k) * width
        for (let x = 0; x < width; x++) sums[x] = sums[x]! + w * source[row + x]!
      }
      const out = (c * size + o) * width
      for (let x = 0; x < width; x++) target[out + x] = round8 ? round(sums[x]!) : sums[x]!
    }
  }
  return target
}
