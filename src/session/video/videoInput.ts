import { Text2LiveError } from '../../errors.js'
import type { Clip } from '../../media/clip.js'
import { clipName, type ClipSource } from '../../media/clipCodec.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { checkClip } from '../../media/checkClip.js'
import type { FloatImage } from '../../media/image.js'
import type { ImageCodec, PictureSource } from '../../media/imageCodec.js'
import { assertMaskSize, readMask as readMaskOf } from '../../media/maskPicture.js'
import { resize } from '../../media/resample.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import type { ClipMachine } from './clipMachine.js'
import { type ClipBelow, editsDigest } from './clipsBelow.js'
import { endingOf } from './fileNames.js'
import { readFrameMasks, type MaskFiles, type NamedPicture } from './readFrameMasks.js'
import type { StageReport } from '../stages.js'
import { belowFolder } from './videoFiles.js'

/** The pictures of a run over a clip, decoded and checked. */
export interface VideoInput {
  readonly clip: Clip
  readonly frames: ClipFrames
  /** The clip as it was given, to be read again. */
  readonly source: ClipSource
  /** Masks of the object by frame, where they were given or are the clip's own alpha. */
  readonly object: ReadonlyMap<number, FloatImage> | null
  /** The files of these masks by frame, and whether they were given as a folder. */
  readonly objectFiles: ReadonlyMap<number, NamedPicture>
  readonly objectInFolder: boolean
  /** A pixel of the frames that is on the object, where one was given. */
  readonly point: { readonly x: number; readonly y: number; readonly frame: number } | null
  /** Of the first frame, at the frames' size: the edit stays on what is white there. */
  readonly mask: FloatImage | null
  /** SHA-256 over the frames, and over the masks and what is below too. */
  readonly clipDigest: string
  readonly digest: string
  readonly notes: readonly string[]
  /** The edits of other runs over the clip that this one is painted over, the lowest first. */
  readonly below: readonly ClipBelow[]
}

/** Finds what the settings name, where the machine keeps it. */
export interface ClipFinder {
  /** @throws INPUT_NOT_FOUND, RUN_INVALID */
  clip(name: string): ClipSource | Promise<ClipSource>
  /** The masks of the object. @throws INPUT_NOT_FOUND, RUN_INVALID */
  masks(name: string): MaskFiles | Promise<MaskFiles>
  /** The mask of the edit. @throws INPUT_NOT_FOUND, RUN_INVALID */
  mask(name: string): PictureSource | Promise<PictureSource>
}

/**
 * Reads the clip and the masks that the settings name and checks them.
 * @param report is told how many frames are read
 * @throws INPUT_*, CLIP_*, MASK_INVALID, OPTION_INVALID for a point that lies outside, INTERRUPTED
 */
export async function readVideoInput(
  settings: Pick<VideoSettings, 'clip' | 'object' | 'mask' | 'point' | 'region' | 'frames' | 'size'>,
  find: ClipFinder,
  machine: Pick<ClipMachine, 'clips' | 'codec' | 'digest'>,
  signal: AbortSignal,
  report: StageReport = () => undefined,
): Promise<VideoInput> {
  if (settings.clip === null) {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      'A clip is needed and none was named. For example: text2live video swan.mp4 "golden swan" --source swan --region swan',
    )
  }
  const source = await find.clip(settings.clip)
  const clip = await machine.clips.read(source, {
    ...(settings.frames > 0 ? { frames: settings.frames } : {}),
    ...(settings.size > 0 ? { size: settings.size } : {}),
    signal,
    // Of a file that does not say how many frames it has, each seems to be the last; the last one is told when all are
    // read.
    onProgress: (read, total) => report(read - 1, total),
  })
  const { frames } = clip
  report(frames.pixels.length, frames.pixels.length)
  checkTransparency(clipName(source), clip)
  checkClip(frames, `"${clipName(source)}"`)
  const masksGiven = settings.object === null ? null : await find.masks(settings.object)
  const object =
    masksGiven === null ? null : await readFrameMasks(masksGiven, clip, settings.frames, '--object', machine.codec)
  const notes = [...clip.notes, ...(object?.notes ?? [])]
  const mask =
    settings.mask === null
      ? null
      : await readMask(await find.mask(settings.mask), clip, machine.codec, (message) =>
          notes.push(`--mask: ${message}`),
        )
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
    source,
    object: masks,
    objectFiles: object?.files ?? new Map<number, NamedPicture>(),
    objectInFolder: masksGiven?.isFolder === true,
    point: settings.point === null ? null : pointOf(settings.point, clip),
    mask,
    clipDigest: machine.digest(digested(clip, null, null)),
    digest: machine.digest(digested(clip, masks, mask)),
    notes,
    below: [],
  }
}

/** The same input over the edits of other runs, which its digest then covers. */
export const standingOn = (
  input: VideoInput,
  below: readonly ClipBelow[],
  machine: Pick<ClipMachine, 'digest'>,
): VideoInput =>
  below.length === 0 ? input : { ...input, below, digest: machine.digest([input.digest, editsDigest(below, machine)]) }

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
      { width, height, channels: 1, data: new Float32Array(alpha).map((value) => value / 255) },
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
  source: PictureSource,
  { sourceSize, frames }: Clip,
  codec: Pick<ImageCodec, 'decodeMaskPicture'>,
  note: (message: string) => void,
): Promise<FloatImage> {
  const picture = await codec.decodeMaskPicture(source, (name, size) => {
    if (size.width === frames.width && size.height === frames.height) return
    assertMaskSize(name, size, sourceSize.width, sourceSize.height)
  })
  const { image, notes } = readMaskOf(picture)
  notes.forEach(note)
  return image.width === frames.width && image.height === frames.height
    ? image
    : resize(image, frames.width, frames.height, { filter: 'bilinear', antialias: true })
}

/** What a clip is recognised by: size, frames, and masks. */
function* digested(
  { frames: { width, height, pixels }, alphas = [] }: Clip,
  object: ReadonlyMap<number, FloatImage> | null,
  mask: FloatImage | null,
): Generator<Uint8Array | string, void, undefined> {
  yield `${width}x${height}x${pixels.length}`
  yield* pixels
  for (const alpha of alphas) {
    yield 'alpha'
    yield alpha
  }
  const bytes = ({ data }: FloatImage): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  for (const [t, image] of [...(object ?? [])].sort(([a], [b]) => a - b)) {
    yield `object ${t}`
    yield bytes(image)
  }
  if (mask === null) return
  yield 'mask'
  yield bytes(mask)
}

/** Copies of the input for a run, by the name that they get there. */
export interface KeptInput {
  readonly files: Readonly<Record<string, PictureSource>>
  /** With the names of the copies. */
  readonly settings: VideoSettings
}

/** What a run keeps of its input; the clip is a file. */
export async function keptInput(
  settings: VideoSettings,
  { clip, source, objectFiles, objectInFolder, below }: VideoInput,
  find: Pick<ClipFinder, 'mask'>,
): Promise<KeptInput> {
  const files: Record<string, PictureSource> = {}
  const keep = (name: string, given: string, from: PictureSource): string => {
    const own = `${name}${endingOf(given).toLowerCase()}`
    files[own] = from
    return own
  }
  const kept = {
    clip: keep('clip', clipName(source), source),
    mask: settings.mask === null ? null : keep('mask', settings.mask, await find.mask(settings.mask)),
    object: settings.object,
  }
  if (settings.object !== null) {
    // Masks are named after their frames, so that they are paired the same when they are read again.
    const nameOf = (frame: number): string => `object/${clip.frameNames?.[frame] ?? String(frame).padStart(5, '0')}`
    const names = [...objectFiles].map(([frame, { name, source: from }]) => keep(nameOf(frame), name, from))
    kept.object = objectInFolder ? 'object' : names[0]!
  }
  return { files, settings: { ...settings, ...kept, over: below.map((_, i) => belowFolder(i)) } }
}
