import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'
import { localAffine, type LocalAffine } from './localAffine.js'
import { LUMA } from './luma.js'
import { UpsampledRows } from './upsampledRows.js'

/** How a layer follows the edges of the photo. */
export interface RefineOptions {
  /** Window of the local fits, in pixels of the training size. Default 4. */
  readonly radius?: number
  /** Squared photo contrast below which edges are not followed. Default 0.04 ** 2. */
  readonly epsilon?: number
  /**
   * How much of the photo's finest luminance detail (finer than the training size) the edit takes over where its colour
   * is no function of the photo's, 0 to 1. Default 0.5.
   */
  readonly detail?: number
}

/**
 * The edit layer at the photo's own size. The layer is described at training size as a local affine function of the
 * photo's colour (fast guided filter, He and Sun 2015) plus what that leaves over; the coefficients are upsampled and
 * applied to the full photo, so that alpha follows the photo's edges and colours carry its fine detail.
 *
 * Colour keeps all that is left over (`slope . full + up(colour - slope . small)`): at the training size it is the
 * layer's own. Alpha keeps it where the photo explains little (smoke in a clear sky) and drops it where it explains
 * much (an outline that the generator placed a pixel aside). Alpha stays within the range of its neighbourhood in the
 * small layer, and up to 1/255 is 0: where the small alpha is 0 all around, the full alpha is exactly 0.
 *
 * @param photoFull RGB at the photo's size
 * @param layerSmall RGBA, straight alpha, at training size
 * @param photoSmall RGB at training size, the same view as `photoFull`
 * @returns RGBA, straight alpha, [0, 1], at the size of `photoFull`
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function refineLayer(
  photoFull: FloatImage,
  layerSmall: FloatImage,
  photoSmall: FloatImage,
  options: RefineOptions = {},
): FloatImage {
  return refineStrips(photoFull, layerSmall, photoSmall, options)(0, photoFull)
}

/**
 * As `refineLayer`, bit for bit, in strips of rows from the top, for photos whose float planes would not fit.
 * @param size of the photo
 * @returns gives the layer of the strip of the photo that begins at row `y`; each strip after the one before
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function refineStrips(
  size: Pick<FloatImage, 'width' | 'height' | 'channels'>,
  layerSmall: FloatImage,
  photoSmall: FloatImage,
  options: RefineOptions = {},
): (y: number, photoStrip: FloatImage) => FloatImage {
  const { width: w, height: h } = photoSmall
  if (
    size.channels !== 3 ||
    photoSmall.channels !== 3 ||
    layerSmall.channels !== 4 ||
    layerSmall.width !== w ||
    layerSmall.height !== h
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      'refineLayer expected a 3-channel photo, and a 4-channel layer of the size of the 3-channel small photo, ' +
        `got ${shape(size)}, ${shape(layerSmall)} and ${shape(photoSmall)}.`,
    )
  }
  return applyRows(size, describe(layerSmall, photoSmall, options), w, h)
}

/** What is upsampled: planes `[h * w]`. Colour and alpha have 3 slopes and 1 offset each; alpha also its bounds. */
interface Description {
  readonly slopes: readonly Float32Array[]
  readonly offsets: readonly Float32Array[]
  readonly low: Float32Array
  readonly high: Float32Array
}

function describe(
  layer: FloatImage,
  photo: FloatImage,
  { radius = 4, epsilon = 0.04 ** 2, detail = 0.5 }: RefineOptions,
): Description {
  const { width: w, height: h } = layer
  const plane = w * h
  const channel = (image: FloatImage, c: number) => image.data.subarray(c * plane, (c + 1) * plane)
  const alpha = channel(layer, 3).map(withoutTraces)
  // Colour is fitted where it shows; the floor keeps the fit defined where nothing does.
  const colours = localAffine(
    photo,
    [0, 1, 2].map((c) => channel(layer, c)),
    radius,
    epsilon,
    alpha.map((a) => a + 1e-3),
  )
  const [opacity] = localAffine(photo, [alpha], radius, epsilon) as [LocalAffine]

  const slopes: Float32Array[] = []
  const offsets: Float32Array[] = []
  for (const [c, fit] of [...colours, opacity].entries()) {
    const isAlpha = c === 3
    const target = isAlpha ? alpha : channel(layer, c)
    const own = fit.slope.map((s) => Float32Array.from(s))
    const offset = new Float32Array(plane)
    for (let i = 0; i < plane; i++) {
      const unexplained = 1 - fit.explained[i]!
      let fitted = 0
      for (let k = 0; k < 3; k++) {
        if (!isAlpha) own[k]![i] = own[k]![i]! + unexplained * detail * LUMA[k]!
        fitted += own[k]![i]! * photo.data[k * plane + i]!
      }
      offset[i] = isAlpha ? fit.offset[i]! + unexplained * (target[i]! - fitted - fit.offset[i]!) : target[i]! - fitted
    }
    slopes.push(...own)
    offsets.push(offset)
  }
  return { slopes, offsets, low: extreme(alpha, w, h, -1), high: extreme(alpha, w, h, 1) }
}

/** Row by row, so that only a few rows of every upsampled plane are in memory. */
function applyRows(
  { width, height }: Pick<FloatImage, 'width' | 'height'>,
  { slopes, offsets, low, high }: Description,
  w: number,
  h: number,
): (y: number, photoStrip: FloatImage) => FloatImage {
  const upsampled = (source: Float32Array, filter: 'bilinear' | 'bicubic') =>
    new UpsampledRows(source, w, h, width, height, filter)
  const slopeRows = slopes.map((source) => upsampled(source, 'bilinear'))
  const offsetRows = offsets.map((source) => upsampled(source, 'bicubic'))
  const lowRows = upsampled(low, 'bilinear')
  const highRows = upsampled(high, 'bilinear')
  return (top, photo) => {
    const plane = width * photo.height
    const data = new Float32Array(4 * plane)
    for (let v = 0; v < photo.height; v++) {
      const y = top + v
      const row = (of: Float32Array, c: number) => of.subarray(c * plane + v * width, c * plane + (v + 1) * width)
      const [red, green, blue] = [row(photo.data, 0), row(photo.data, 1), row(photo.data, 2)]
      for (let c = 0; c < 4; c++) {
        const out = row(data, c)
        out.set(offsetRows[c]!.at(y))
        addProduct(out, slopeRows[3 * c]!.at(y), red)
        addProduct(out, slopeRows[3 * c + 1]!.at(y), green)
        addProduct(out, slopeRows[3 * c + 2]!.at(y), blue)
        if (c < 3) clampRow(out)
      }
      boundAlpha(row(data, 3), lowRows.at(y), highRows.at(y))
    }
    return { width, height: photo.height, channels: 4, data }
  }
}

// Small loops of their own: the engine compiles them once and keeps them fast.
function addProduct(out: Float32Array, a: Float32Array, b: Float32Array): void {
  for (let x = 0; x < out.length; x++) out[x] = out[x]! + a[x]! * b[x]!
}

function clampRow(out: Float32Array): void {
  for (let x = 0; x < out.length; x++) {
    const value = out[x]!
    if (value < 0) out[x] = 0
    else if (value > 1) out[x] = 1
  }
}

function boundAlpha(alpha: Float32Array, low: Float32Array, high: Float32Array): void {
  for (let x = 0; x < alpha.length; x++) {
    const value = alpha[x]!
    alpha[x] = withoutTraces(value < low[x]! ? low[x]! : value > high[x]! ? high[x]! : value)
  }
}

/**
 * Soft threshold: 0 up to 1/255, unchanged from 2/255, straight between. A sigmoid never gives 0, a picture needs it.
 */
function withoutTraces(alpha: number): number {
  if (alpha >= 2 / 255) return alpha > 1 ? 1 : alpha
  return alpha <= 1 / 255 ? 0 : 2 * (alpha - 1 / 255)
}

/** Smallest (`sign` -1) or largest (1) value within 2 px: what the upsampled alpha may reach. */
function extreme(source: Float32Array, width: number, height: number, sign: 1 | -1): Float32Array {
  const reach = 2
  const rows = source.slice()
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++) {
        const value = source[y * width + u]!
        if (sign * value > sign * rows[y * width + x]!) rows[y * width + x] = value
      }
    }
  }
  const out = rows.slice()
  for (let y = 0; y < height; y++) {
    for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
      for (let x = 0; x < width; x++) {
        const value = rows[v * width + x]!
        if (sign * value > sign * out[y * width + x]!) out[y * width + x] = value
      }
    }
  }
  return out
}

function shape(image: Pick<FloatImage, 'width' | 'height' | 'channels'>): string {
  return `${image.channels}x${image.height}x${image.width}`
}
