import { join } from 'node:path'
import { checkerboard } from '../../atlas/checkerboard.js'
import { evaluateAtlas } from '../../atlas/evaluateAtlas.js'
import type { LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { reconstructFrame } from '../../atlas/reconstructFrame.js'
import { renderEdit } from '../../atlas/renderEdit.js'
import { atomicWrite } from '../../media/node/atomicWrite.js'
import { encodePng } from '../../media/node/encodePng.js'
import { writeClip } from '../../media/node/writeClip.js'
import { quantise } from '../../media/quantise.js'
import type { VideoEvent } from '../../session/videoEvents.js'
import type { VideoInput } from '../../session/video/videoInput.js'

/** What `inspectAtlas` writes. */
export const inspectFiles = {
  foreground: 'foreground-atlas.png',
  background: 'background-atlas.png',
  /** White is foreground. */
  opacity: 'opacity.mp4',
  /** A checkerboard painted on both atlas images: squares that slide or shear show what is wrong with a mapping. */
  checkerboard: 'checkerboard.mp4',
  /** The clip as the atlas holds it. */
  reconstruction: 'reconstruction.mp4',
  quality: 'quality.json',
} as const

/**
 * Writes into a folder what a person needs to judge an atlas: its images, opacity, a checkerboard and the
 * reconstruction as clips, and the PSNR of each frame.
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE, CLIP_CODEC_MISSING, INTERRUPTED
 */
export async function inspectAtlas(
  atlas: LayeredAtlas,
  { frames, clip, object }: Pick<VideoInput, 'frames' | 'clip' | 'object'>,
  folder: string,
  signal: AbortSignal,
  emit: (event: VideoEvent) => void,
): Promise<void> {
  const file = (name: keyof typeof inspectFiles): string => join(folder, inspectFiles[name])
  const images = { foreground: await atlas.image('foreground'), background: await atlas.image('background') }
  for (const layer of ['foreground', 'background'] as const)
    await atomicWrite(file(layer), await encodePng(quantise(images[layer], 8)))
  const { width, height } = atlas
  let done = 0
  const total = 4 * atlas.frames
  const tell = (): void => emit({ type: 'progress', stage: 'rendering', done: ++done, total, secondsLeft: null })
  const video = async (
    name: 'opacity' | 'checkerboard' | 'reconstruction',
    frame: (t: number) => Promise<Uint8Array>,
  ): Promise<void> => {
    async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
      for (let t = 0; t < atlas.frames; t++) {
        signal.throwIfAborted()
        yield await frame(t)
        tell()
      }
    }
    await writeClip(file(name), { format: 'mp4', width, height, timing: clip.timing, frames: all(), signal })
  }
  await video('opacity', async (t) =>
    (await atlas.opacity(t)).data.reduce(
      (rgb, value, i) => rgb.fill(Math.round(255 * value), 3 * i, 3 * i + 3),
      new Uint8Array(3 * width * height),
    ),
  )
  const edits = { foreground: checkerboard(images.foreground), background: checkerboard(images.background) }
  await video('checkerboard', async (t) => (await renderEdit({ atlas, frames, edits }, t)).frame)
  await video('reconstruction', async (t) => quantise(await reconstructFrame(atlas, t), 8).data as Uint8Array)
  const quality = await evaluateAtlas(atlas, frames, {
    signal,
    onProgress: tell,
    ...(object === null ? {} : { masks: object }),
  })
  await atomicWrite(
    file('quality'),
    `${JSON.stringify({ psnr: quality.meanPsnr, psnr_min: Math.min(...quality.psnr), psnr_per_frame: quality.psnr, opacity_iou: quality.opacityIou }, null, 2)}\n`,
  )
}
