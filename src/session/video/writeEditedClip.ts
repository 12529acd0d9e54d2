import type { RenderedFrame } from '../../atlas/renderEdit.js'
import type { Clip } from '../../media/clip.js'
import type { ClipSource } from '../../media/clipCodec.js'
import type { EncodeOptions } from '../../media/encodeVideo.js'
import { pixelImage } from '../../media/quantise.js'
import { sideBySide } from '../../media/sideBySide.js'
import type { Sound } from '../../media/sound.js'
import type { NewFiles, RunStore } from '../store.js'
import type { ClipMachine } from './clipMachine.js'
import { teeFrames } from './teeFrames.js'
import { videoOutputFiles, type VideoOutputName } from './videoFiles.js'

/** A rendered frame beside what it was before, at the clip's own size. */
export interface EditedFrame extends RenderedFrame {
  readonly original: Uint8Array
}

interface EditedClip {
  readonly frames: AsyncIterable<EditedFrame>
  /** Its size, timing and names are those of the outputs. */
  readonly clip: Pick<Clip, 'sourceSize' | 'timing' | 'frameNames'>
  /** The clip as it was given, for its sound. */
  readonly source: ClipSource
}

type Writers = Partial<Record<VideoOutputName, (frames: AsyncIterable<EditedFrame>) => Promise<void>>>

/**
 * Writes the edited clip, its edit layer alone (WebM and ProRes with alpha, PNGs) and a side-by-side preview, each
 * frame rendered once. They are written aside and take their names together at the end, in place of older ones: a
 * failure leaves what was there. What cannot be encoded on this machine is left out with a note; the frames of the
 * edited clip are PNGs then.
 * @param note what to tell of the written files
 * @returns the outputs written
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE, INTERRUPTED, what `frames` throws
 */
export async function writeEditedClip(
  edited: EditedClip,
  store: Pick<RunStore, 'replace'>,
  machine: Pick<ClipMachine, 'clips' | 'codec'>,
  outer: AbortSignal,
  note: (message: string) => void,
): Promise<VideoOutputName[]> {
  const { clip, frames, source } = edited
  const written: VideoOutputName[] = []
  await store.replace(async (files) => {
    const stop = new AbortController()
    const signal = AbortSignal.any([outer, stop.signal])
    const sound = await machine.clips.readSound(source, clip.timing, signal)
    const writers = await chooseWriters(clip, sound, { files, machine, signal, note })
    const all = Object.values(writers)
    const readers = teeFrames(frames, all.length, signal)
    // All are waited for, the failed and the stopped: one that still wrote would keep what is aside from going.
    await Promise.allSettled(
      all.map((write, i) =>
        write(readers[i]!).catch((error: unknown) => {
          stop.abort(error)
        }),
      ),
    )
    // What failed first is what is told: the others stop because of it.
    stop.signal.throwIfAborted()
    written.push(...(Object.keys(writers) as VideoOutputName[]))
    return written.map((name) => videoOutputFiles[name])
  })
  return written
}

interface WriterTools {
  readonly files: NewFiles
  readonly machine: Pick<ClipMachine, 'clips' | 'codec'>
  readonly signal: AbortSignal
  readonly note: (message: string) => void
}

/** A writer for each output that this machine can write, in the order in which they are told. */
async function chooseWriters(
  { sourceSize: { width, height }, timing, frameNames }: EditedClip['clip'],
  sound: Sound,
  { files, machine: { clips, codec }, signal, note }: WriterTools,
): Promise<Writers> {
  const can = {
    mp4: await clips.canWrite('mp4', width, height),
    wide: await clips.canWrite('mp4', 2 * width, height),
    webm: await clips.canWrite('webm-alpha', width, height),
    prores: await clips.canWrite('prores', width, height),
  }
  const left = (name: VideoOutputName, codecName: string, instead = ''): void =>
    note(
      `${videoOutputFiles[name]} is left out: ${codecName} cannot be encoded on this machine${instead === '' ? '' : `; ${instead}`}`,
    )
  if (!can.mp4) left('edited', 'H.264', `its frames are PNGs in ${videoOutputFiles.editedFrames}`)
  if (!can.wide) left('sideBySide', 'H.264 of that size')
  if (!can.webm)
    left('editLayer', 'VP9', `the frames of the edit layer are PNGs in ${videoOutputFiles.editLayerFrames}`)
  if (!can.prores) left('editLayerProres', 'ProRes')
  const video = async (
    name: VideoOutputName,
    options: Pick<EncodeOptions, 'format' | 'frames'> & Partial<EncodeOptions>,
    carried?: Sound,
  ): Promise<void> => {
    const file = await files.create(videoOutputFiles[name])
    try {
      const { notes } = await clips.write(file, { width, height, timing, signal, ...options }, carried)
      for (const message of notes) note(`${videoOutputFiles[name]}: ${message}`)
    } finally {
      await file.close()
    }
  }
  const pngs = async (name: VideoOutputName, from: AsyncIterable<Uint8Array>): Promise<void> => {
    let t = 0
    for await (const frame of from) {
      signal.throwIfAborted()
      const channels = frame.length === 4 * width * height ? 4 : 3
      const png = await codec.encodePng(pixelImage(width, height, channels, frame))
      await files.write(`${videoOutputFiles[name]}/${frameNames?.[t] ?? String(t).padStart(5, '0')}.png`, png)
      t++
    }
  }
  const frameOf = ({ frame }: EditedFrame): Uint8Array => frame
  const layerOf = ({ layer }: EditedFrame): Uint8Array => layer
  return {
    ...(can.mp4
      ? { edited: (from) => video('edited', { format: 'mp4', frames: mapped(from, frameOf) }, sound) }
      : { editedFrames: (from) => pngs('editedFrames', mapped(from, frameOf)) }),
    ...(can.webm
      ? { editLayer: (from) => video('editLayer', { format: 'webm-alpha', frames: mapped(from, layerOf) }) }
      : {}),
    editLayerFrames: (from) => pngs('editLayerFrames', mapped(from, layerOf)),
    ...(can.prores
      ? { editLayerProres: (from) => video('editLayerProres', { format: 'prores', frames: mapped(from, layerOf) }) }
      : {}),
    ...(can.wide
      ? {
          sideBySide: (from) =>
            video(
              'sideBySide',
              {
                format: 'mp4',
                width: 2 * width,
                frames: mapped(from, ({ original, frame }) => sideBySide(original, frame, width, height)),
              },
              sound,
            ),
        }
      : {}),
  } satisfies Writers
}

async function* mapped<From, To>(
  items: AsyncIterable<From>,
  map: (item: From) => To,
): AsyncGenerator<To, void, undefined> {
  for await (const item of items) yield map(item)
}
