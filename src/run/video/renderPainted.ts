import { join } from 'node:path'
import type { LayeredAtlas, LayerName } from '../../atlas/layeredAtlas.js'
import { renderStack } from '../../atlas/renderStack.js'
import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../../media/image.js'
import { readPaintedLayer } from '../../media/node/readPaintedLayer.js'
import { newFilesIn } from '../newFilesIn.js'
import { clipMachine } from './clipMachine.js'
import { editedFrames } from '../../session/video/renderStage.js'
import type { VideoEvent } from '../../session/videoEvents.js'
import type { VideoInput } from '../../session/video/videoInput.js'
import { writeEditedClip } from '../../session/video/writeEditedClip.js'

/** Painted layers by path: PNG, PSD or ORA at the size of the atlas image. */
export type PaintedLayers = Readonly<Partial<Record<LayerName, string>>>

/**
 * Reads the painted layers, which must have the size of their atlas image.
 * @param note is told what a person should know of how a file was taken
 * @throws INPUT_*, LAYER_UNSUPPORTED, OPTION_INVALID when there is none, SHAPE_MISMATCH
 */
export async function readPainted(
  atlas: LayeredAtlas,
  painted: PaintedLayers,
  note: (message: string) => void,
): Promise<Partial<Record<LayerName, FloatImage>>> {
  const edits: { -readonly [Layer in LayerName]?: FloatImage } = {}
  for (const layer of ['foreground', 'background'] as const) {
    const path = painted[layer]
    if (path === undefined) continue
    const base = await atlas.image(layer)
    const mismatch = `Paint over ${layer}-atlas.png or ${layer}-atlas.psd, and keep its size.`
    edits[layer] = await readPaintedLayer(path, { base, mismatch, note })
  }
  if (Object.keys(edits).length > 0) return edits
  throw new Text2LiveError(
    'OPTION_INVALID',
    'A painted layer is needed: give --foreground edit.png, --background edit.png, or both.',
  )
}

/**
 * Maps painted layers to all frames and writes the edited clip, the edit layer alone and a side-by-side preview into a
 * folder.
 * @throws DISK_FULL, OUTPUT_NOT_WRITABLE, CLIP_*, INTERRUPTED
 */
export async function renderPainted(
  atlas: LayeredAtlas,
  edits: Partial<Record<LayerName, FloatImage>>,
  input: VideoInput,
  folder: string,
  signal: AbortSignal,
  emit: (event: VideoEvent) => void,
): Promise<void> {
  const report = (done: number, total: number): void =>
    emit({ type: 'progress', stage: 'rendering', done, total, secondsLeft: null })
  const frames = editedFrames({ input, machine: clipMachine, signal, report }, (t) =>
    renderStack({ atlas, frames: input.frames, alphas: input.clip.alphas, stack: [edits] }, t),
  )
  await writeEditedClip(
    { frames, clip: input.clip, source: input.source },
    {
      async replace(make) {
        const files = newFilesIn(folder, (name) => join(folder, name))
        await make(files)
        await files.flush()
      },
    },
    clipMachine,
    signal,
    (message) => emit({ type: 'note', message }),
  )
}
