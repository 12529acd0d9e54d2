import { judgeMask, maskRange, MaskReading, type MaskPicture } from './maskReading.js'
import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'
import { lumaOf } from './luma.js'
import type { PixelImage } from './quantise.js'
import { alphaStrips, colourStrips, stripsOf, wholeOf } from './strips.js'

/** A decoded picture, as far as a mask can be read from it. @param exact the format loses nothing */
export function maskPictureOf(name: string, pixels: PixelImage, exact: boolean): MaskPicture {
  const { width, height } = pixels
  const plane = width * height
  const white = pixels.bitDepth === 16 ? 65535 : 255
  const codes = white === 255 ? new Uint8Array(plane) : new Uint16Array(plane)
  const colours = new Uint32Array(plane)
  let tinted = false
  const strips = colourStrips(pixels)
  for (const { y, rows } of stripsOf(height)) {
    const { data } = strips.strip(y, rows)
    const area = rows * width
    for (let i = 0, at = y * width; i < area; i++, at++) {
      const [r, g, b] = [data[i]!, data[area + i]!, data[2 * area + i]!]
      codes[at] = Math.round(lumaOf(r, g, b) * white)
      // A dark colour is not black, however dark.
      colours[at] = (byte(r) << 16) | (byte(g) << 8) | byte(b)
      tinted ||= Math.max(r, g, b) - Math.min(r, g, b) > 16 / 255
    }
  }
  const alpha = pixels.channels === 4 ? wholeOf(alphaStrips(pixels)).data : null
  const cut = alpha?.some((value) => value < 1) ? alpha : null
  return {
    name,
    width,
    height,
    white,
    codes,
    alpha: cut,
    kind: tinted ? 'colour' : 'grey',
    colours: tinted ? colours : null,
    exact,
    notes: [],
  }
}

const byte = (value: number): number => Math.round(255 * value)

/** PASCAL VOC's colour of what belongs to no object for sure, its index 255. */
const voidColour = 0xe0e0c0

/** The picture of a palette, before its colours are looked up. */
export interface IndexedPicture {
  readonly name: string
  readonly width: number
  readonly height: number
  /** Index by pixel. */
  readonly indices: Uint8Array
  /** Red, green, blue of an index, 8 bits each, as one number; 0 where the palette ends before it. */
  readonly colour: (index: number) => number
  /** [0, 1] */
  readonly opacity: (index: number) => number
}

/**
 * Of a palette with colours, the indices are what counts: as DAVIS, SAM 2 and other programs write labels.
 * @returns null for a palette of greys, which is a grey picture like others
 */
export function labelsOf({ name, width, height, indices, colour, opacity }: IndexedPicture): MaskPicture | null {
  const used = new Uint8Array(256)
  for (const index of indices) used[index] = 1
  const entries = Array.from(used.keys()).filter((index) => used[index] === 1)
  const isGrey = entries.every((index) => {
    const [r, g, b] = [colour(index) >> 16, (colour(index) >> 8) & 255, colour(index) & 255]
    return Math.max(r, g, b) - Math.min(r, g, b) <= 16
  })
  if (isGrey) return null
  const isGround = (index: number): boolean => colour(index) === 0 || opacity(index) < 0.5
  // The background is index 0, but for a palette that a program has sorted by another rule.
  const ground = used[0] === 1 && !isGround(0) ? (entries.find(isGround) ?? 0) : 0
  const isVoid = used[255] === 1 && colour(255) === voidColour && entries.length > 2
  const codes = indices.map((index) =>
    index === ground || (isVoid && index === 255) ? 0 : index === 0 ? ground : index,
  )
  const alpha = entries.some((index) => opacity(index) < 1)
    ? new Float32Array(indices).map((index) => opacity(index))
    : null
  const notes = isVoid ? [`${name} has pixels of index 255, the void of PASCAL VOC, which count as background`] : []
  return { name, width, height, white: 255, kind: 'labels', colours: null, exact: true, codes, alpha, notes }
}

/**
 * The mask that bounds an edit, read from one picture.
 * @throws Text2LiveError MASK_INVALID where it lets no edit be seen
 */
export function readMask(picture: MaskPicture): { readonly image: FloatImage; readonly notes: readonly string[] } {
  const reading = new MaskReading()
  reading.add(picture)
  const image = reading.read(picture)
  const judged = judgeMask(picture.name, maskRange([image]))
  if (judged.refused !== undefined) throw new Text2LiveError('MASK_INVALID', judged.refused)
  return { image, notes: [...picture.notes, ...reading.notes, ...(judged.note === undefined ? [] : [judged.note])] }
}

/** @throws Text2LiveError MASK_INVALID unless the mask has the photo's size */
export function assertMaskSize(
  name: string,
  mask: { readonly width: number; readonly height: number },
  width: number,
  height: number,
): void {
  if (mask.width === width && mask.height === height) return
  throw new Text2LiveError(
    'MASK_INVALID',
    `The mask must have the photo's size, ${width}x${height}, but ${name} is ${mask.width}x${mask.height}. Resize or crop it.`,
  )
}
