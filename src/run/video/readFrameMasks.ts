import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { pathHint } from '../../pathHint.js'
import type { Clip } from '../../media/clip.js'
import type { FloatImage } from '../../media/image.js'
import { decodeMask } from '../../media/node/decodeMask.js'
import { readHeader } from '../../media/node/readImage.js'
import { resize } from '../../media/resample.js'

/** Masks by frame, and what to tell of files that were not taken. */
interface FrameMasks {
  /** One channel of the frames' size, [0, 1]. */
  readonly masks: ReadonlyMap<number, FloatImage>
  /** The files they were read from. */
  readonly files: readonly string[]
  readonly notes: readonly string[]
}

/**
 * Masks of a clip: one picture, or a folder of them. A file belongs to the frame of its name (an image folder's) or number (`00012.png`: frame 12,
 * counted from 0); one picture without such a name is that of the first frame.
 * @param what how errors call it: `--object` or `--mask`
 * @throws INPUT_NOT_FOUND; MASK_INVALID for another size than the clip's, for none that fits, and where all are empty
 */
export async function readFrameMasks(path: string, clip: Clip, what: string): Promise<FrameMasks> {
  const single = !await isFolder(path, what)
  const files = single ? [path] : await pictures(path)
  const masks = new Map<number, FloatImage>()
  const taken: string[] = []
  for (const file of files) {
    const frame = frameOf(file, clip) ?? (single ? 0 : null)
    if (frame === null) continue
    masks.set(frame, await readMask(file, clip, what))
    taken.push(file)
  }
  const unused = files.length - masks.size
  if (masks.size === 0) {
    throw new Text2LiveError('MASK_INVALID', `Expected masks in "${path}" (${what}) named after the frames, for example ${clip.frameNames?.[0] ?? '00000'}.png; `
      + `${files.length === 0 ? 'there are no pictures' : `"${basename(files[0]!)}" and the others name no frame of the clip`}. Rename them, or give the mask of one frame.`)
  }
  if ([...masks.values()].every(({ data }) => data.every((value) => value < 0.5))) {
    throw new Text2LiveError('MASK_INVALID', `The masks in "${path}" (${what}) are black all over, so there is no object. Paint white where it is.`)
  }
  return { masks, files: taken, notes: unused > 0 ? [`${what}: ${unused} of ${files.length} files name no frame that is used; they are ignored`] : [] }
}

async function isFolder(path: string, what: string): Promise<boolean> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new Text2LiveError('INPUT_NOT_FOUND', `Expected a mask or a folder of masks at "${path}" (${what}), and there is nothing. ${pathHint(path)}`, { cause })
  })
  return found.isDirectory()
}

const pictures = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => /\.(png|jpe?g|webp|tiff?|avif)$/i.test(name) && !name.startsWith('.')).sort().map((name) => join(folder, name))

function frameOf(file: string, { frameNames, frames }: Clip): number | null {
  const stem = basename(file, extname(file))
  const named = frameNames?.indexOf(stem) ?? -1
  if (named >= 0) return named
  const number = frameNames === undefined ? /(\d+)$/.exec(stem)?.[1] : undefined
  return number !== undefined && Number(number) < frames.pixels.length ? Number(number) : null
}

/** A mask of the clip's own size or of the size of its frames here. */
async function readMask(file: string, { sourceSize, frames }: Clip, what: string): Promise<FloatImage> {
  const { width, height } = await readHeader(file)
  const { width: w, height: h } = frames
  const fits = (width === sourceSize.width && height === sourceSize.height) || (width === w && height === h)
  if (!fits) {
    throw new Text2LiveError('MASK_INVALID', `The masks (${what}) must have the clip's size, ${sourceSize.width}x${sourceSize.height}, `
      + `but "${file}" is ${width}x${height}. Resize or crop it.`)
  }
  const mask = await decodeMask(file, width, height, true)
  return width === w && height === h ? mask : resize(mask, w, h, { filter: 'bilinear', antialias: true })
}
