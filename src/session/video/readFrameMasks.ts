import { Text2LiveError } from '../../errors.js'
import type { Clip } from '../../media/clip.js'
import type { FloatImage } from '../../media/image.js'
import type { ImageCodec, PictureSource } from '../../media/imageCodec.js'
import { maskRange, MaskReading, type MaskPicture } from '../../media/maskReading.js'
import { resize } from '../../media/resample.js'
import { frameOfMask, pairMasks, type MaskPairs, type PairedClip } from './pairMasks.js'

/** A mask's file, by its own name without folders. */
export interface NamedPicture {
  readonly name: string
  readonly source: PictureSource
}

/** The masks of a clip as they were given: one picture, or a folder of them. */
export interface MaskFiles {
  /** What messages call the picture or the folder. */
  readonly name: string
  readonly isFolder: boolean
  /** In order. */
  readonly files: readonly NamedPicture[]
}

/** Masks by frame, and what to tell of how they were taken. */
interface FrameMasks {
  /** One channel of the frames' size, [0, 1]. */
  readonly masks: ReadonlyMap<number, FloatImage>
  /** The files they were read from, by frame. */
  readonly files: ReadonlyMap<number, NamedPicture>
  readonly notes: readonly string[]
}

/** Is it the name of a picture that may be a mask, in a folder with others? */
export const isMaskName = (name: string): boolean =>
  /\.(png|jpe?g|webp|tiff?|avif)$/i.test(name) && !name.startsWith('.')

/** Sorts names with numbers in them by their value. */
export function inOrder(names: readonly string[]): string[] {
  const order = new Intl.Collator('en', { numeric: true })
  return [...names].sort((a, b) => order.compare(a, b) || (a < b ? -1 : 1))
}

/**
 * Masks of a clip, paired with the frames by `pairMasks` and read as `MaskReading` says, all in one way.
 * @param limit how many frames were asked for; 0 for all
 * @param what how errors call it: `--object`
 * @throws MASK_INVALID for another size than the clip's, for none that fits, and where all are empty; INPUT_* for a
 *   picture that cannot be read
 */
export async function readFrameMasks(
  given: MaskFiles,
  clip: Clip,
  limit: number,
  what: string,
  codec: Pick<ImageCodec, 'decodeMaskPicture'>,
): Promise<FrameMasks> {
  const count = clip.frames.pixels.length
  const paired: PairedClip = { count, limited: limit > 0 && count >= limit, names: clip.folderNames }
  const names = given.files.map(({ name }) => name)
  const pairs = given.isFolder ? pairMasks(names, paired, given.name, what) : ofOne(names[0]!, paired, what)
  const byName = new Map(given.files.map((file) => [file.name, file]))
  const files = new Map([...pairs.files].map(([frame, name]) => [frame, byName.get(name)!]))
  const reading = new MaskReading()
  const notes = [...pairs.notes]
  for (const file of files.values()) {
    const picture = await readPicture(file, clip, what, codec)
    reading.add(picture)
    notes.push(...picture.notes)
  }
  const masks = new Map<number, FloatImage>()
  const { width, height } = clip.frames
  for (const [frame, file] of files) {
    const mask = reading.read(await readPicture(file, clip, what, codec))
    masks.set(
      frame,
      mask.width === width && mask.height === height
        ? mask
        : resize(mask, width, height, { filter: 'bilinear', antialias: true }),
    )
  }
  const { most, least } = maskRange(masks.values())
  if (most < 0.5) {
    const came = most < 0.5 / 255 ? 'black all over' : `nowhere lighter than ${Math.round(100 * most)} % of white`
    throw new Text2LiveError(
      'MASK_INVALID',
      `The masks in "${given.name}" (${what}) are ${came}, so there is no object. Paint white where it is.`,
    )
  }
  if (least > 0.5)
    notes.push(`${what}: the masks are white all over, so everything is the object and nothing is behind it`)
  else if ([...masks.values()].every(isFramed))
    notes.push(
      `${what}: the masks are white along all edges of the picture: where the object is black and the rest white, invert them`,
    )
  return { masks, files, notes: [...notes, ...reading.notes.map((message) => `${what}: ${message}`)] }
}

function ofOne(name: string, clip: PairedClip, what: string): MaskPairs {
  const { frame, notes } = frameOfMask(name, clip, what)
  return { files: new Map([[frame, name]]), notes }
}

/** Of the clip's own size or of the size of its frames here. */
async function readPicture(
  { name, source }: NamedPicture,
  { sourceSize, frames }: Clip,
  what: string,
  codec: Pick<ImageCodec, 'decodeMaskPicture'>,
): Promise<MaskPicture> {
  const picture = await codec.decodeMaskPicture(source, (called, size) => {
    const fits = [sourceSize, frames].some(({ width, height }) => size.width === width && size.height === height)
    if (fits) return
    throw new Text2LiveError(
      'MASK_INVALID',
      `The masks (${what}) must have the clip's size, ${sourceSize.width}x${sourceSize.height}, ` +
        `but ${called} is ${size.width}x${size.height}. Resize or crop it.`,
    )
  })
  return { ...picture, name: `"${name}"` }
}

/** Is it white along all four edges, and black somewhere within? */
function isFramed({ width, height, data }: FloatImage): boolean {
  const isEdge = (i: number): boolean =>
    i < width || i >= width * (height - 1) || i % width === 0 || i % width === width - 1
  return data.every((value, i) => value > 0.5 || !isEdge(i)) && data.some((value) => value < 0.5)
}
