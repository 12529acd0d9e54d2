import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import type { Clip } from '../../media/clip.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { checkClip } from '../../media/checkClip.js'
import type { FloatImage } from '../../media/image.js'
import { decodeMask } from '../../media/node/decodeMask.js'
import { readHeader } from '../../media/node/readImage.js'
import { readClip } from '../../media/node/readClip.js'
import { resize } from '../../media/resample.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import type { FolderContents } from '../runFolder.js'
import { readFrameMasks } from './readFrameMasks.js'
import type { StageReport } from './stageReport.js'

/** The pictures of a run over a clip, decoded and checked. */
export interface VideoInput {
  readonly clip: Clip
  readonly frames: ClipFrames
  /** The clip as it lies on the disk. */
  readonly path: string
  /** Masks of the object by frame, where they were given or are the clip's own alpha. */
  readonly object: ReadonlyMap<number, FloatImage> | null
  /** The files of these masks by frame. */
  readonly objectFiles: ReadonlyMap<number, string>
  /** A pixel of the frames that is on the object, where one was given. */
  readonly point: { readonly x: number; readonly y: number; readonly frame: number } | null
  /** Of the first frame, at the frames' size: the edit stays on what is white there. */
  readonly mask: FloatImage | null
  /** SHA-256 over the frames, and over the masks too. */
  readonly clipDigest: string
  readonly digest: string
  readonly notes: readonly string[]
}

/**
 * Reads the clip and the masks that the settings name and checks them.
 * @param report is told how many frames are read
 * @throws INPUT_*, CLIP_*, MASK_INVALID, OPTION_INVALID for a point that lies outside, INTERRUPTED
 */
export async function readVideoInput(
  settings: Pick<VideoSettings, 'clip' | 'object' | 'mask' | 'point' | 'region' | 'frames' | 'size'>,
  signal: AbortSignal,
  report: StageReport = () => undefined,
): Promise<VideoInput> {
  const path = settings.clip
  if (path === null) {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      'A clip is needed and none was named. For example: text2live video swan.mp4 "golden swan" --source swan --region swan',
    )
  }
  const clip = await readClip(path, {
    ...(settings.frames > 0 ? { frames: settings.frames } : {}),
    ...(settings.size > 0 ? { size: settings.size } : {}),
    signal,
    // Of a file that does not say how many frames it has, each seems to be the last; the last one is told when all are
    // read.
    onProgress: (read, total) => report(read - 1, total),
  })
  const { frames } = clip
  report(frames.pixels.length, frames.pixels.length)
  checkTransparency(path, clip)
  checkClip(frames, `"${path}"`)
  const object =
    settings.object === null ? null : await readFrameMasks(settings.object, clip, settings.frames, '--object')
  const notes = [...clip.notes, ...(object?.notes ?? [])]
  const mask =
    settings.mask === null ? null : await readMask(settings.mask, clip, (message) => notes.push(`--mask: ${message}`))
  const isNamed = object !== null || settings.point !== null || settings.region.length > 0
  const cutOut = isNamed ? null : opaqueObject(clip)
  if (cutOut !== null)
    notes.push(
      'the foreground is what is opaque in the clip, since nobody said what it is; --object, --point or --region say it',
    )
  const masks = object?.masks ?? cutOut
  return {
    clip,
    frames,
    path,
    object: masks,
    objectFiles: object?.files ?? new Map(),
    point: settings.point === null ? null : pointOf(settings.point, clip),
    mask,
    clipDigest: digestOf(clip, null, null),
    digest: digestOf(clip, masks, mask),
    notes,
  }
}

/** Of all pixels of the clip; less is an edge or a rounded corner rather than the ground behind an object. */
const leastCutOut = 0.05

/** @throws MASK_INVALID for a clip that is transparent all over */
function checkTransparency(path: string, { alphas }: Clip): void {
  if (alphas === undefined || alphas.some((alpha) => alpha.some((value) => value > 0))) return
  throw new Text2LiveError(
    'MASK_INVALID',
    `"${path}" is transparent all over, and its alpha bounds the edit. Give a clip with something to see.`,
  )
}

/** What a clip with alpha was cut out to show, in every frame; null where hardly anything is cut out. */
function opaqueObject({ frames: { width, height }, alphas }: Clip): ReadonlyMap<number, FloatImage> | null {
  if (alphas === undefined) return null
  let opaque = 0
  for (const alpha of alphas) for (const value of alpha) opaque += value / 255
  if (opaque > (1 - leastCutOut) * width * height * alphas.length) return null
  return new Map(
    alphas.map((alpha, t) => [
      t,
      { width, height, channels: 1, data: Float32Array.from(alpha, (value) => value / 255) },
    ]),
  )
}

/** `x,y` or `x,y,frame` in pixels of the clip as it was given. */
function pointOf(point: string, { sourceSize, frames }: Clip): VideoInput['point'] {
  const [x = 0, y = 0, frame = 0] = point.split(',').map(Number)
  if (x >= sourceSize.width || y >= sourceSize.height || frame >= frames.pixels.length) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `--point must lie in the clip, which has ${sourceSize.width}x${sourceSize.height} px and frames 0 to ${frames.pixels.length - 1}; got ${point}.`,
    )
  }
  return {
    x: Math.floor(((x + 0.5) * frames.width) / sourceSize.width),
    y: Math.floor(((y + 0.5) * frames.height) / sourceSize.height),
    frame,
  }
}

async function readMask(
  path: string,
  { sourceSize, frames }: Clip,
  note: (message: string) => void,
): Promise<FloatImage> {
  const { width, height } = await readHeader(path)
  const ofFrames = width === frames.width && height === frames.height
  const { image: mask, notes } = ofFrames
    ? await decodeMask(path, width, height)
    : await decodeMask(path, sourceSize.width, sourceSize.height)
  notes.forEach(note)
  return ofFrames ? mask : resize(mask, frames.width, frames.height, { filter: 'bilinear', antialias: true })
}

function digestOf(
  { frames: { width, height, pixels }, alphas = [] }: Clip,
  object: ReadonlyMap<number, FloatImage> | null,
  mask: FloatImage | null,
): string {
  const hash = createHash('sha256').update(`${width}x${height}x${pixels.length}`)
  for (const frame of pixels) hash.update(frame)
  for (const alpha of alphas) hash.update('alpha').update(alpha)
  const bytes = ({ data }: FloatImage): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  for (const [t, image] of [...(object ?? [])].sort(([a], [b]) => a - b))
    hash.update(`object ${t}`).update(bytes(image))
  if (mask !== null) hash.update('mask').update(bytes(mask))
  return hash.digest('hex')
}

/**
 * Copies of the input for the run folder, and the settings that name them there.
 * @returns `contents` by name; `settings` with the names relative to the folder
 */
export async function copiedInput(
  settings: VideoSettings,
  { clip, path, objectFiles }: VideoInput,
): Promise<{ contents: FolderContents; settings: VideoSettings }> {
  const contents: Record<string, { copy: string }> = {}
  const copyOne = (name: string, from: string): string => {
    const own = `${name}${extname(from).toLowerCase()}`
    contents[own] = { copy: from }
    return own
  }
  const copyFolder = async (name: string, from: string, chosen: (file: string) => boolean): Promise<string> => {
    for (const file of await readdir(from)) if (chosen(file)) contents[`${name}/${file}`] = { copy: join(from, file) }
    return name
  }
  const stem = (file: string): string => basename(file, extname(file))
  const used = new Set(clip.frameNames)
  const own = {
    clip:
      clip.kind === 'folder' ? await copyFolder('clip', path, (file) => used.has(stem(file))) : copyOne('clip', path),
    mask: settings.mask === null ? null : copyOne('mask', settings.mask),
    object: settings.object,
  }
  if (settings.object !== null) {
    // Masks are named after their frames, so that they are paired the same when they are read again.
    const nameOf = (frame: number, file: string): string =>
      `object/${clip.frameNames?.[frame] ?? String(frame).padStart(5, '0')}${extname(file).toLowerCase()}`
    for (const [frame, file] of objectFiles) contents[nameOf(frame, file)] = { copy: file }
    const single = [...objectFiles].find(([, file]) => file === settings.object)
    own.object = single === undefined ? 'object' : nameOf(...single)
  }
  return { contents, settings: { ...settings, ...own } }
}
