import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ClipFlow } from '../../atlas/clipFlow.js'
import { fitFastAtlas, type FastAtlasProgress } from '../../atlas/fast/fitFastAtlas.js'
import type { LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { fitNeuralAtlas } from '../../atlas/neural/fitNeuralAtlas.js'
import { NeuralAtlas } from '../../atlas/neural/neuralAtlas.js'
import { publishedNeuralSettings } from '../../atlas/neural/neuralSettings.js'
import { openPublishedAtlas } from '../../atlas/neural/openPublishedAtlas.js'
import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { pathHint } from '../../pathHint.js'
import type { FloatImage } from '../../media/image.js'
import { folderSource } from '../../models/node/folderSource.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { openRuntime } from '../openRuntime.js'
import { readSavedStep } from '../../session/readSavedSettings.js'
import { assertAtlasFits, readAtlasFile, writeAtlasFile, type FittedAtlas } from './atlasFile.js'
import { readStageCheckpoint, writeStageCheckpoint, type StageCheckpoint } from './stageCheckpoint.js'
import { checkpointFiles, videoFiles } from './videoFiles.js'
import type { StageTools } from './videoSession.js'

/** Does the setting ask for a fit; else it names an atlas that is there. */
export const isFit = (atlas: string): atlas is 'fast' | 'neural' => atlas === 'fast' || atlas === 'neural'

/**
 * The atlas that the run folder holds already, or null.
 * @throws SAFETENSORS_INVALID, ATLAS_*
 */
export async function readFittedAtlas({
  settings,
  input,
  folder,
}: Pick<StageTools, 'settings' | 'input' | 'folder'>): Promise<LayeredAtlas | null> {
  const path = folder.file(videoFiles.atlas)
  const saved = await readAtlasFile(path, await openRuntime(settings))
  if (saved === null) return null
  assertAtlasFits(saved.atlas, input.frames, path)
  return saved.atlas
}

/**
 * Fits the layered atlas to the clip, from its last checkpoint where there is one, and writes it to the run folder.
 * @throws INTERRUPTED, DISK_FULL, CHECKPOINT_*
 */
export async function fitAtlas(tools: StageTools, flow: ClipFlow, masks: readonly FloatImage[]): Promise<LayeredAtlas> {
  const { settings, input, folder, fingerprint, signal, emit, report } = tools
  const path = join(folder.file(videoFiles.checkpoints), checkpointFiles.atlas)
  const saved = await readStageCheckpoint(path, 'atlas', fingerprint)
  const tensors = saved?.tensors
  const step = saved === null ? 0 : readSavedStep(saved.texts['step'], path)
  const save = async (reached: number, state: StageCheckpoint['tensors']): Promise<void> => {
    const bytes = await writeStageCheckpoint(path, 'atlas', fingerprint, {
      tensors: state,
      texts: { step: String(reached) },
    })
    emit({ type: 'checkpoint', stage: 'atlas', step: reached, path, bytes })
  }
  const common = { frames: input.frames, flow, masks, runtime: await openRuntime(settings), signal }
  if (settings.atlas === 'neural') {
    const neural = {
      ...publishedNeuralSettings,
      iterations: settings.atlasIterations,
      resolution: settings.atlasSize,
      behaviour: settings.atlasSampling,
    }
    return await keep(
      tools,
      await fitNeuralAtlas({
        ...common,
        settings: neural,
        seed: settings.seed,
        ...(tensors === undefined ? {} : { state: { step, tensors } }),
        onProgress: ({ stage, done, total, losses }) =>
          report(
            done + (stage === 'fit' ? pretrainingOf(tools) : 0),
            total + (stage === 'fit' ? pretrainingOf(tools) : neural.iterations),
            losses,
          ),
        onCheckpoint: (state) => save(state.step, state.tensors),
      }),
    )
  }
  let detail: Readonly<Record<string, number>> | undefined
  return await keep(
    tools,
    await fitFastAtlas({
      ...common,
      ...(tensors === undefined ? {} : { state: { sweep: step, tensors } }),
      onProgress: (progress) => {
        if (progress.type === 'sweep') detail = { psnr: progress.psnr }
        const at = sweepsDone(progress)
        if (at !== null) report(at.done, at.total, detail)
      },
      onCheckpoint: (state) => save(state.sweep, state.tensors),
    }),
  )
}

const pretrainingOf = ({ input }: StageTools): number =>
  publishedNeuralSettings.pretraining * input.frames.pixels.length

/** Frames visited, of all sweeps. */
function sweepsDone(progress: FastAtlasProgress): { done: number; total: number } | null {
  if (progress.type !== 'frame') return null
  return { done: (progress.sweep - 1) * progress.frames + progress.done, total: progress.sweeps * progress.frames }
}

/**
 * Takes the atlas that the settings name (one of ours, or a published checkpoint); a copy lies in the run folder since
 * its first moment, so that the run needs nothing outside.
 */
export async function takeAtlas(
  { settings, input, folder, emit }: StageTools,
  { atlas, clip }: OpenedAtlas,
): Promise<LayeredAtlas> {
  if (clip !== null && clip !== input.clipDigest) {
    emit({
      type: 'warning',
      message: `the atlas "${settings.atlas}" was fitted to other frames than these; the edit may not sit where it should`,
    })
  }
  const path = folder.file(videoFiles.atlas)
  emit({ type: 'checkpoint', stage: 'atlas', path, bytes: (await stat(path)).size })
  return atlas
}

async function keep({ input, folder, signal, emit }: StageTools, atlas: FittedAtlas): Promise<LayeredAtlas> {
  const path = folder.file(videoFiles.atlas)
  // Its boxes are saved with it, so that no later stage has to map the whole clip for them.
  if (atlas instanceof NeuralAtlas) await atlas.prepare({ signal })
  emit({ type: 'checkpoint', stage: 'atlas', path, bytes: await writeAtlasFile(path, atlas, input.clipDigest) })
  return atlas
}

export interface OpenedAtlas {
  readonly atlas: FittedAtlas
  /** SHA-256 of the frames it was fitted to; null where nobody says. */
  readonly clip: string | null
}

/**
 * An atlas by path: a run folder or one of `text2live atlas fit`, a file `atlas.safetensors`, a folder with a published
 * `checkpoint` and `config.json`, or that checkpoint.
 * @throws INPUT_NOT_FOUND, ATLAS_*, PICKLE_UNSAFE, PYTORCH_FILE_INVALID, CONFIG_INVALID
 */
export async function openAtlas(
  { atlas: path, atlasSize, atlasSampling }: Pick<VideoSettings, 'atlas' | 'atlasSize' | 'atlasSampling'>,
  frames: StageTools['input']['frames'],
  runtime: Runtime,
): Promise<OpenedAtlas> {
  const found = await stat(path).catch(() => null)
  if (found === null) {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `--atlas takes fast, neural, or the path of an atlas: a run folder, or a published checkpoint; there is nothing at "${path}". ${pathHint(path)}`,
    )
  }
  const own = await readAtlasFile(
    found.isDirectory() ? join(path, videoFiles.atlas) : await realpath(path),
    runtime,
  ).catch((error: unknown) => {
    // A file that is no safetensors may be a published checkpoint.
    if (!found.isDirectory() && error instanceof Text2LiveError && error.code === 'SAFETENSORS_INVALID') return null
    throw error
  })
  if (own !== null) {
    assertAtlasFits(own.atlas, frames, path)
    return own
  }
  const source = await folderSource(found.isDirectory() ? path : dirname(path))
  const checkpoint = found.isDirectory() ? 'checkpoint' : basename(path)
  const atlas = await openPublishedAtlas(source, {
    runtime,
    frames,
    behaviour: atlasSampling,
    resolution: atlasSize,
    files: { checkpoint, config: 'config.json' },
  })
  return { atlas, clip: null }
}
