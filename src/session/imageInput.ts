import { Text2LiveError } from '../errors.js'
import type { FloatImage } from '../media/image.js'
import type { DecodedMask, ImageCodec, PictureSource } from '../media/imageCodec.js'
import { layeredStrips } from '../media/layeredStrips.js'
import type { Photo } from '../media/photo.js'
import { resizeStrips } from '../media/resample.js'
import { alphaStrips, planeStrips, productStrips, type Strips } from '../media/strips.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { assertTrainable } from '../options/resolveSettings.js'
import type { DecodedLayer, LayerBelow } from './layersBelow.js'

/** The pictures of a run, decoded and checked. */
export interface ImageInput {
  /** What the default run folder is called after. */
  readonly name: string
  readonly photo: Photo
  /** At the photo's size: the mask times the photo's own alpha, where there is either; the edit stays inside. */
  readonly bounds: Strips | null
  /** The edits of other runs that this one is painted over, the lowest first. */
  readonly below: readonly DecodedLayer[]
  /** RGB at the photo's size: the photo with what is below, which the edit is painted over. */
  readonly ground: Strips
  /** The mask file, as given. */
  readonly mask: { readonly bytes: Uint8Array; readonly extension: string } | null
  /** What to tell of how they are read. */
  readonly notes: readonly string[]
  /** RGB and bounds at training size. */
  readonly training: { readonly photo: FloatImage; readonly mask?: FloatImage }
}

/**
 * Reads the photo and the mask and brings them to training size.
 * @param codec of the machine
 * @param below the edits of other runs that this one is painted over, the lowest first
 * @throws INPUT_*, MASK_INVALID, LAYER_UNSUPPORTED, OPTION_INVALID when the photo as it is (`size` 0) is too
 *   small to train on
 */
export async function readImageInput(
  photo: PictureSource,
  mask: PictureSource | null,
  settings: Pick<ImageSettings, 'size' | 'scaleMin' | 'cropsMinCover'>,
  codec: ImageCodec,
  below: readonly LayerBelow[] = [],
): Promise<ImageInput> {
  const decoded = await codec.decodePhoto(photo)
  const { width, height } = decoded.pixels
  if (settings.size === 0) assertTrainable(Math.min(width, height), settings.scaleMin, settings.cropsMinCover)
  const layers: DecodedLayer[] = []
  for (const layer of below)
    layers.push({ ...layer, image: await codec.decodeLayer({ name: layer.file, bytes: layer.png }, decoded.pixels) })
  const ground = layeredStrips(
    decoded.pixels,
    layers.map(({ image }) => image),
  )
  const size = trainingSize(width, height, settings.size)
  assertShape(size, width, height)
  const unbounded = {
    name: nameOf(photo) ?? `photo.${decoded.format}`,
    photo: decoded,
    below: layers,
    ground,
    notes: decoded.notes ?? [],
    training: { photo: toSize(ground, size) },
  }
  return boundBy(unbounded, mask === null ? null : await codec.decodeMask(mask, width, height))
}

/** The same pictures within another mask; `null` for none. */
export async function withMask(input: ImageInput, mask: PictureSource | null, codec: ImageCodec): Promise<ImageInput> {
  const { width, height } = input.photo.pixels
  const notes = input.photo.notes ?? []
  return boundBy({ ...input, notes }, mask === null ? null : await codec.decodeMask(mask, width, height))
}

function boundBy(input: Omit<ImageInput, 'bounds' | 'mask'>, given: DecodedMask | null): ImageInput {
  const { pixels } = input.photo
  const bounds = intersect(given && planeStrips(given.image), pixels.channels === 4 ? alphaStrips(pixels) : null)
  const { photo } = input.training
  return {
    ...input,
    bounds,
    mask: given && { bytes: given.bytes, extension: given.format },
    notes: [...input.notes, ...(given?.notes.map((message) => `mask: ${message}`) ?? [])],
    training: { photo, ...(bounds === null ? {} : { mask: toSize(bounds, photo) }) },
  }
}

/** The last part of a path or name. */
function nameOf(source: PictureSource): string | null {
  const name = typeof source === 'string' ? source : 'name' in source ? source.name : null
  return name?.split(/[\\/]/).at(-1) ?? null
}

/**
 * A photo of one colour has nothing to begin from: the norms of the generator would divide by its deviation, which is
 * none.
 * @param photo at training size
 * @throws INPUT_BLANK
 */
export function assertNotBlank({ width, height, data }: FloatImage): void {
  const plane = width * height
  if (data.some((value, i) => Math.abs(value - data[i - (i % plane)]!) > 0.5 / 255)) return
  throw new Text2LiveError(
    'INPUT_BLANK',
    `The photo shows one colour all over (${width}x${height} as trained), so there is nothing in it to edit. Give a photo that shows something.`,
  )
}

interface Size {
  readonly width: number
  readonly height: number
}

/**
 * torchvision's rule: the short side becomes `shortSide`, the long side floor(shortSide * long / short); 0 keeps the
 * size.
 */
function trainingSize(width: number, height: number, shortSide: number): Size {
  if (shortSide === 0) return { width, height }
  const long = Math.floor((shortSide * Math.max(width, height)) / Math.min(width, height))
  return width <= height ? { width: shortSide, height: long } : { width: long, height: shortSide }
}

/** Trained at this length, a long and narrow photo would need more memory than any machine has. */
const maxTrainingPixels = 4096 * 4096

function assertShape(size: Size, width: number, height: number): void {
  if (size.width * size.height <= maxTrainingPixels) return
  throw new Text2LiveError(
    'INPUT_TOO_LARGE',
    `The photo is ${width}x${height}; at this --size it would be trained at ${size.width}x${size.height}, ` +
      `more than ${maxTrainingPixels / 1e6} megapixels. Use a smaller --size, or crop the photo.`,
  )
}

/** As Pillow resizes 8-bit pictures: smoothed bilinear, rounded to 8 bits. */
const toSize = (image: Strips, { width, height }: Size): FloatImage =>
  resizeStrips(image, width, height, { filter: 'bilinear', antialias: true, round8: true })

const intersect = (a: Strips | null, b: Strips | null): Strips | null =>
  a === null || b === null ? (a ?? b) : productStrips(a, b)
