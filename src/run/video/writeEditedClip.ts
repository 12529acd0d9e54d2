import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RenderedFrame } from '../../atlas/renderEdit.js'
import { Text2LiveError } from '../../errors.js'
import type { Clip } from '../../media/clip.js'
import { asidePath } from '../../media/node/asidePath.js'
import { readClipSound } from '../../media/node/readClipSound.js'
import { replacePath } from '../../media/node/replacePath.js'
import { writeClip, type WriteClipOptions } from '../../media/node/writeClip.js'
import { writePngSequence } from '../../media/node/writePngSequence.js'
import { sideBySide } from '../../media/sideBySide.js'
import { writing } from '../fileErrors.js'
import type { RunFolder } from '../runFolder.js'
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
  /** The clip file, for its sound. */
  readonly source: string
}

/**
 * Writes the edited clip, its edit layer alone (WebM and ProRes with alpha, PNGs) and a side-by-side preview, each
 * frame rendered once. They are written aside and take their names together at the end, in place of older ones: a
 * failure leaves what was there.
 * @param note what to tell of the written files; ProRes is left out with a note where it cannot be encoded
 * @returns the outputs written
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE, CLIP_CODEC_MISSING, INTERRUPTED, what `frames` throws
 */
export async function writeEditedClip(
  { frames, clip, source }: EditedClip,
  folder: Pick<RunFolder, 'file'>,
  outer: AbortSignal,
  note: (message: string) => void,
): Promise<VideoOutputName[]> {
  const { width, height } = clip.sourceSize
  const aside = asidePath(folder.file('rendering'))
  await writing(aside, () => mkdir(aside))
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  try {
    const prores = await canWriteProres(aside, width, height)
    if (!prores) note(`${videoOutputFiles.editLayerProres} is left out: ProRes cannot be encoded on this machine`)
    const sound = await readClipSound(source, clip.timing, signal)
    const video = async (
      name: VideoOutputName,
      options: Pick<WriteClipOptions, 'format' | 'frames'> & Partial<WriteClipOptions>,
    ): Promise<void> => {
      const { notes } = await writeClip(join(aside, videoOutputFiles[name]), {
        width,
        height,
        timing: clip.timing,
        signal,
        ...options,
      })
      for (const message of notes) note(`${videoOutputFiles[name]}: ${message}`)
    }
    const names = clip.frameNames === undefined ? {} : { names: clip.frameNames }
    const writers: Partial<Record<VideoOutputName, (from: AsyncIterable<EditedFrame>) => Promise<unknown>>> = {
      edited: (from) =>
        video('edited', { format: 'mp4', frames: mapped(from, ({ frame }) => frame), audioFrom: sound }),
      editLayer: (from) => video('editLayer', { format: 'webm-alpha', frames: mapped(from, ({ layer }) => layer) }),
      editLayerFrames: (from) =>
        writePngSequence(join(aside, videoOutputFiles.editLayerFrames), {
          width,
          height,
          frames: mapped(from, ({ layer }) => layer),
          signal,
          ...names,
        }),
      ...(prores
        ? {
            editLayerProres: (from: AsyncIterable<EditedFrame>) =>
              video('editLayerProres', { format: 'prores', frames: mapped(from, ({ layer }) => layer) }),
          }
        : {}),
      sideBySide: (from) =>
        video('sideBySide', {
          format: 'mp4',
          width: 2 * width,
          frames: mapped(from, ({ original, frame }) => sideBySide(original, frame, width, height)),
          audioFrom: sound,
        }),
    }
    const all = Object.values(writers)
    const readers = teeFrames(frames, all.length, signal)
    // All are waited for, the failed and the stopped: one that still wrote would keep the folder aside from going.
    await Promise.allSettled(
      all.map((write, i) =>
        write(readers[i]!).catch((error: unknown) => {
          stop.abort(error)
        }),
      ),
    )
    // What failed first is what is told: the others stop because of it.
    stop.signal.throwIfAborted()
    const written = Object.keys(writers) as VideoOutputName[]
    for (const name of written)
      await writing(folder.file(videoOutputFiles[name]), () =>
        replacePath(join(aside, videoOutputFiles[name]), folder.file(videoOutputFiles[name])),
      )
    return written
  } finally {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function canWriteProres(folder: string, width: number, height: number): Promise<boolean> {
  const path = join(folder, 'trial.mov')
  try {
    await writeClip(path, {
      format: 'prores',
      width,
      height,
      timing: { timestamps: [0], durations: [1] },
      frames: [new Uint8Array(4 * width * height)],
    })
    return true
  } catch (error) {
    if (error instanceof Text2LiveError && error.code === 'CLIP_CODEC_MISSING') return false
    throw error
  } finally {
    await rm(path, { force: true })
  }
}

async function* mapped<From, To>(
  items: AsyncIterable<From>,
  map: (item: From) => To,
): AsyncGenerator<To, void, undefined> {
  for await (const item of items) yield map(item)
}
