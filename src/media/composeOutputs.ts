import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'
import { pixelImage, quantise, type PixelImage } from './quantise.js'

/**
 * The green that the edit layer is shown over, and that the screen loss puts under it: a studio's green screen, (0,
 * 177, 64) of 255.
 */
export const screenGreen = [0, 177 / 255, 64 / 255] as const

/** The pictures of an edit, of the photo's size. */
export interface LayerOutputs {
  /** RGB (RGBA when the photo has its own alpha), the photo's bit depth: the photo as decoded. */
  readonly photo: PixelImage
  /** RGB (RGBA when the photo has its own alpha), the photo's bit depth: the edit layer over the photo. */
  readonly composite: PixelImage
  /** RGBA, 8 bits, straight alpha: the edit layer. */
  readonly edit: PixelImage
  /** Grey, 8 bits: the alpha of `edit`. */
  readonly alpha: PixelImage
  /** RGB, 8 bits: the edit layer over green. */
  readonly greenscreen: PixelImage
}

/**
 * The pictures of one edit, consistent with one another once they are whole numbers: `edit` over the photo is within
 * 1/255 of `composite` everywhere (within half that for 8-bit photos, whose composite is made from the rounded layer),
 * and where alpha is 0 `composite` is the photo's own pixel.
 *
 * @param photo RGB as decoded, [0, 1]
 * @param layer RGBA at the photo's size, straight alpha, [0, 1]
 * @param bitDepth the photo's: of the composite
 * @param photoAlpha the photo's own alpha, where it has one; becomes the composite's
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function composeOutputs(
  photo: FloatImage,
  layer: FloatImage,
  bitDepth: 8 | 16 = 8,
  photoAlpha?: FloatImage,
): LayerOutputs {
  const { width, height } = photo
  const fits = (image: FloatImage, channels: number) =>
    image.channels === channels && image.width === width && image.height === height
  if (!fits(photo, 3) || !fits(layer, 4) || (photoAlpha && !fits(photoAlpha, 1))) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      'composeOutputs expected a 3-channel photo, a 4-channel layer and a 1-channel alpha of one size, ' +
        `got ${[photo, layer, ...(photoAlpha ? [photoAlpha] : [])].map((i) => `${i.channels}x${i.height}x${i.width}`).join(', ')}.`,
    )
  }
  const plane = width * height
  const edit = quantise(layer, 8)
  const alpha = new Uint8Array(plane)
  const greenscreen = new Uint8Array(3 * plane)
  const ground = quantise(photo, bitDepth)
  const depth = photoAlpha ? 4 : 3
  const composite = bitDepth === 8 ? new Uint8Array(depth * plane) : new Uint16Array(depth * plane)
  const top = bitDepth === 8 ? 255 : 65535
  for (let i = 0; i < plane; i++) {
    const a = edit.data[4 * i + 3]! / 255
    alpha[i] = edit.data[4 * i + 3]!
    for (let c = 0; c < 3; c++) {
      const colour = edit.data[4 * i + c]! / 255
      const under = ground.data[3 * i + c]!
      greenscreen[3 * i + c] = Math.round((a * colour + (1 - a) * screenGreen[c]!) * 255)
      const recomposed = a * colour * top + (1 - a) * under
      composite[depth * i + c] =
        a === 0 ? under : bitDepth === 8 ? Math.round(recomposed) : fine(c, i, under, recomposed)
    }
    if (photoAlpha) composite[depth * i + 3] = Math.round(photoAlpha.data[i]! * top)
  }
  return {
    photo: photoAlpha
      ? quantise({ width, height, channels: 4, data: joined(photo.data, photoAlpha.data) }, bitDepth)
      : ground,
    composite: pixelImage(width, height, depth, composite),
    edit,
    alpha: pixelImage(width, height, 1, alpha),
    greenscreen: pixelImage(width, height, 3, greenscreen),
  }

  /**
   * 16 bits from the unrounded layer, so that smooth edits show no 8-bit steps; the last bit is held within 1/255 of
   * the rounded one.
   */
  function fine(c: number, i: number, under: number, recomposed: number): number {
    const a = Math.min(Math.max(layer.data[3 * plane + i]!, 0), 1)
    const colour = Math.min(Math.max(layer.data[c * plane + i]!, 0), 1)
    const value = Math.round(a * colour * top + (1 - a) * under)
    return Math.min(Math.max(value, Math.ceil(recomposed - 257)), Math.floor(recomposed + 257))
  }
}

function joined(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
