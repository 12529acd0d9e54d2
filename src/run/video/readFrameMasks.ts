import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { pathHint } from '../../pathHint.js'
import type { Clip } from '../../media/clip.js'
import type { FloatImage } from '../../media/image.js'
import { maskRange, MaskReading, type MaskPicture } from '../../media/maskReading.js'
import { maskPicture } from '../../media/node/maskPicture.js'
import { readHeader } from '../../media/node/readImage.js'
import { resize } from '../../media/resample.js'
import { frameOfMask, pairMasks, type MaskPairs, type PairedClip } from './pairMasks.js'

/** Masks by frame, and what to tell of how they were taken. */
interface FrameMasks {
  /** One channel of the frames' size, [0, 1]. */
  readonly masks: ReadonlyMap<number, FloatImage>
  /** The files they were read from, by frame. */
  readonly files: ReadonlyMap<number, string>
  readonly notes: readonly string[]
}

/**
 * Masks of a clip: one picture, or a folder of them, paired with the frames by `pairMasks` and read as `MaskReading`
 * says, all in one way.
 * @param limit how many frames were asked for; 0 for all
 * @param what how errors call it: `--object`
 * @throws INPUT_NOT_FOUND; MASK_INVALID for another size than the clip's, for none that fits, and where all are empty
 */
export async function readFrameMasks(path: string, clip: Clip, limit: number, what: string): Promise<FrameMasks> {
  const count = clip.frames.pixels.length
  const paired: PairedClip = { count, limited: limit > 0 && count >= limit, names: clip.folderNames }
  const pairs = (await isFolder(path, what))
    ? pairMasks(await pictures(path), paired, path, what)
    : ofOne(path, paired, what)
  const reading = new MaskReading()
  const notes = [...pairs.notes]
  for (const file of pairs.files.values()) {
    const picture = await readPicture(file, clip, what)
    reading.add(picture)
    notes.push(...picture.notes)
  }
  const masks = new Map<number, FloatImage>()
  const { width, height } = clip.frames
  for (const [frame, file] of pairs.files) {
    const mask = reading.read(await readPicture(file, clip, what))
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
      `The masks in "${path}" (${what}) are ${came}, so there is no object. Paint white where it is.`,
    )
  }
  if (least > 0.5)
    notes.push(`${what}: the masks are white all over, so everything is the object and nothing is behind it`)
  else if ([...masks.values()].every(isFramed))
    notes.push(
      `${what}: the masks are white along all edges of the picture: where the object is black and the rest white, invert them`,
    )
  return { masks, files: pairs.files, notes: [...notes, ...reading.notes.map((message) => `${what}: ${message}`)] }
}

async function isFolder(path: string, what: string): Promise<boolean> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `Expected a mask or a folder of masks at "${path}" (${what}), and there is nothing. ${pathHint(path)}`,
      { cause },
    )
  })
  return found.isDirectory()
}

function ofOne(path: string, clip: PairedClip, what: string): MaskPairs {
  const { frame, notes } = frameOfMask(path, clip, what)
  return { files: new Map([[frame, path]]), notes }
}

async function pictures(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter(
    (name) => /\.(png|jpe?g|webp|tiff?|avif)$/i.test(name) && !name.startsWith('.'),
  )
  const order = new Intl.Collator('en', { numeric: true })
  return names.sort((a, b) => order.compare(a, b) || (a < b ? -1 : 1)).map((name) => join(folder, name))
}

/** Of the clip's own size or of the size of its frames here. */
async function readPicture(file: string, { sourceSize, frames }: Clip, what: string): Promise<MaskPicture> {
  const header = await readHeader(file)
  const fits = [sourceSize, frames].some(({ width, height }) => header.width === width && header.height === height)
  if (!fits) {
    throw new Text2LiveError(
      'MASK_INVALID',
      `The masks (${what}) must have the clip's size, ${sourceSize.width}x${sourceSize.height}, ` +
        `but "${file}" is ${header.width}x${header.height}. Resize or crop it.`,
    )
  }
  return { ...(await maskPicture(header)), name: `"${basename(file)}"` }
}

/** Is it white along all four edges, and black somewhere within? */
function isFramed({ width, height, data }: FloatImage): boolean {
  const isEdge = (i: number): boolean =>
    i < width || i >= width * (height - 1) || i % width === 0 || i % width === width - 1
  return data.every((value, i) => value > 0.5 || !isEdge(i)) && data.some((value) => value < 0.5)
}
