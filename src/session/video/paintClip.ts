import type { LayerName } from '../../atlas/layeredAtlas.js'
import { renderStack } from '../../atlas/renderStack.js'
import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../../media/image.js'
import { dequantise } from '../../media/quantise.js'
import type { RunStore } from '../store.js'
import { readFittedAtlas } from './atlasStage.js'
import { editedFrames } from './renderStage.js'
import type { VideoResult } from './runVideo.js'
import { assertClip, readVideoSettings, type SavedClipAccess } from './savedClip.js'
import { inStage, stageReport } from '../stages.js'
import type { VideoEnvironment } from './videoEnvironment.js'
import { paintedFile, videoFiles, videoOutputFiles } from './videoFiles.js'
import { readVideoInput } from './videoInput.js'
import type { EmitVideo } from './clipSession.js'
import { writeEditedClip } from './writeEditedClip.js'

/**
 * Maps the layers that somebody painted on the atlas of a run (`paintedFile`) to all frames, and writes the clips into
 * its folder `painted`, in place of those of an earlier painting. The run's other files and its log stay as they are.
 * @throws RUN_INVALID, CLIP_*, INPUT_*, LAYER_UNSUPPORTED for a picture of another size than the atlas; OPTION_INVALID
 *   where nothing was painted or there is no atlas yet; DISK_FULL, INTERRUPTED
 */
export async function paintClip(
  { store, machine, find }: SavedClipAccess,
  { signal }: Pick<VideoEnvironment, 'signal'>,
  emit: EmitVideo,
): Promise<VideoResult> {
  const started = performance.now()
  const settings = await readVideoSettings(store)
  assertClip(store, settings)
  const input = await readVideoInput(settings, find, machine, signal, stageReport('clip', emit))
  const atlas = await readFittedAtlas({ settings, input, store, machine })
  if (atlas === null) throw nothingPainted(store.path, 'it has no atlas yet')
  const edits: { -readonly [Layer in LayerName]?: FloatImage } = {}
  for (const layer of ['foreground', 'background'] as const) {
    const bytes = await store.read(paintedFile(layer))
    if (bytes === null) continue
    const painted = await machine.codec.decodeLayer(
      { name: store.file(paintedFile(layer)), bytes },
      await atlas.image(layer),
    )
    edits[layer] = dequantise(painted)
  }
  if (Object.keys(edits).length === 0) throw nothingPainted(store.path, 'nothing was painted on its atlas')
  const frames = editedFrames({ input, machine, signal, report: stageReport('rendering', emit) }, (t) =>
    renderStack(
      { atlas, frames: input.frames, alphas: input.clip.alphas, stack: [edits], behaviour: settings.atlasSampling },
      t,
    ),
  )
  const edited = { frames, clip: input.clip, source: input.source }
  const note = (message: string): void => emit({ type: 'note', message })
  await inStage({ stage: 'rendering' } as const, machine, emit, async () => {
    for (const name of await writeEditedClip(edited, inFolder(store, videoFiles.painted), machine, signal, note))
      emit({ type: 'output', name, path: store.file(`${videoFiles.painted}/${videoOutputFiles[name]}`) })
  })
  emit({ type: 'done', seconds: (performance.now() - started) / 1000, folder: store.path })
  return { finished: true, settings, folder: store.path, metrics: null }
}

/** Files that take their names in a folder of the store, which they replace as a whole. */
const inFolder = (store: Pick<RunStore, 'replace'>, folder: string): Pick<RunStore, 'replace'> => ({
  replace: (make) =>
    store.replace(async (files) => {
      await make({
        write: (name, data) => files.write(`${folder}/${name}`, data),
        create: (name) => files.create(`${folder}/${name}`),
      })
      return [folder]
    }),
})

const nothingPainted = (path: string, why: string): Text2LiveError =>
  new Text2LiveError(
    'OPTION_INVALID',
    `Expected a run with an atlas and a layer painted on it, but of ${path} ${why}. Let it go on, or paint on its atlas first.`,
  )
