import type { ClipFlow } from '../../atlas/clipFlow.js'
import { type FitEvidence, fitEvidence } from '../../atlas/fast/fitEvidence.js'
import { fitFastAtlas, isOfThisSchedule, type FastAtlasProgress } from '../../atlas/fast/fitFastAtlas.js'
import { isParted } from '../../atlas/fast/fitParts.js'
import type { LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { fitNeuralAtlas } from '../../atlas/neural/fitNeuralAtlas.js'
import { NeuralAtlas } from '../../atlas/neural/neuralAtlas.js'
import { publishedNeuralSettings } from '../../atlas/neural/neuralSettings.js'
import type { SafetensorsTensor } from '../../formats/safetensors.js'
import type { FloatImage } from '../../media/image.js'
import { readCheckpoint, writeCheckpoint } from '../checkpoint.js'
import { runtimeOf } from '../openTrainer.js'
import { assertAtlasFits, readAtlasFile, writeAtlasFile, type FittedAtlas } from './atlasFile.js'
import type { StageTools } from './clipSession.js'
import { checkpoints, videoFiles } from './videoFiles.js'

/** Does the setting ask for a fit; else it names an atlas that is there. */
export const isFit = (atlas: string): atlas is 'fast' | 'neural' => atlas === 'fast' || atlas === 'neural'

/**
 * The atlas that the run folder holds already, or null.
 * @throws SAFETENSORS_INVALID, ATLAS_*
 */
export async function readFittedAtlas({
  settings,
  input,
  store,
  machine,
}: Pick<StageTools, 'settings' | 'input' | 'store' | 'machine'>): Promise<LayeredAtlas | null> {
  const saved = await readAtlasFile(store, videoFiles.atlas, await runtimeOf(machine, settings))
  if (saved === null) return null
  assertAtlasFits(saved.atlas, input.frames, store.file(videoFiles.atlas))
  return saved.atlas
}

/** What a fit takes of the flow and the masks: all for the networks, little for the fast atlas. */
export type AtlasEvidence =
  | { readonly atlas: 'fast'; readonly evidence: FitEvidence }
  | { readonly atlas: 'neural'; readonly flow: ClipFlow; readonly masks: readonly FloatImage[] }

/** @throws INTERRUPTED */
export async function atlasEvidence(
  { settings, input: { frames }, signal }: StageTools,
  flow: ClipFlow,
  masks: readonly FloatImage[],
): Promise<AtlasEvidence> {
  return settings.atlas === 'neural'
    ? { atlas: 'neural', flow, masks }
    : { atlas: 'fast', evidence: await fitEvidence({ frames, flow, masks, signal }) }
}

/**
 * Fits the layered atlas to the clip, from its last checkpoint where there is one, and writes it to the run folder.
 * @throws INTERRUPTED, DISK_FULL, CHECKPOINT_*
 */
export async function fitAtlas(tools: StageTools, evidence: AtlasEvidence): Promise<LayeredAtlas> {
  const { settings, input, store, machine, fingerprint, signal, emit, report, followControl } = tools
  const place = checkpoints.atlas
  const saved = await readCheckpoint(store, place, fingerprint)
  const tensors = saved?.tensors
  const step = saved?.step ?? 0
  const save = async (reached: number, state: ReadonlyMap<string, SafetensorsTensor>): Promise<void> => {
    const bytes = await writeCheckpoint(store, place, fingerprint, state, reached)
    emit({ type: 'checkpoint', stage: 'atlas', step: reached, path: store.file(place.file), bytes })
    await followControl()
  }
  const runtime = await runtimeOf(machine, settings)
  const common = { frames: input.frames, signal }
  if (evidence.atlas === 'neural') {
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
        flow: evidence.flow,
        masks: evidence.masks,
        runtime,
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
  const goesOn = tensors !== undefined && isOfThisSchedule(tensors)
  if (tensors !== undefined && !goesOn) {
    emit({
      type: 'warning',
      message:
        'the atlas is fitted from its beginning: its checkpoint is of an earlier version, which fitted it otherwise',
    })
  }
  const isShared = runtime.device === 'cpu' && isParted(input.frames.pixels.length)
  const beside = (isShared && machine.beside?.(settings.threads)) || null
  let detail: Readonly<Record<string, number>> | undefined
  return await keep(
    tools,
    await fitFastAtlas({
      ...common,
      evidence: evidence.evidence,
      runtime: beside === null ? runtime : await runtimeOf(machine, { ...settings, threads: beside.threads }),
      openPart: beside === null ? undefined : (part, fast) => beside.openPart(part, fast, signal),
      ...(goesOn ? { state: { sweep: step, tensors } } : {}),
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
export function takeAtlas(
  { settings, input, store, emit }: StageTools,
  { atlas, clip, bytes }: OpenedAtlas & { readonly bytes: number },
): LayeredAtlas {
  if (clip !== null && clip !== input.clipDigest) {
    emit({ type: 'warning', message: otherFrames(settings.atlas) })
  }
  emit({ type: 'checkpoint', stage: 'atlas', path: store.file(videoFiles.atlas), bytes })
  return atlas
}

export const otherFrames = (atlas: string): string =>
  `the atlas "${atlas}" was fitted to other frames than these; the edit may not sit where it should`

async function keep({ input, store, signal, emit }: StageTools, atlas: FittedAtlas): Promise<LayeredAtlas> {
  // Its boxes are saved with it, so that no later stage has to map the whole clip for them.
  if (atlas instanceof NeuralAtlas) await atlas.prepare({ signal })
  const bytes = await writeAtlasFile(store, videoFiles.atlas, atlas, input.clipDigest)
  emit({ type: 'checkpoint', stage: 'atlas', path: store.file(videoFiles.atlas), bytes })
  return atlas
}

export interface OpenedAtlas {
  readonly atlas: FittedAtlas
  /** SHA-256 of the frames it was fitted to; null where nobody says. */
  readonly clip: string | null
}
