import { z } from 'zod'
import type { LayeredAtlas, LayerName } from '../../atlas/layeredAtlas.js'
import { boundedEdit } from '../../atlas/boundedEdit.js'
import { renderEdit } from '../../atlas/renderEdit.js'
import { Text2LiveError } from '../../errors.js'
import { float32Tensor } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import type { FloatImage } from '../../media/image.js'
import type { VideoTrainer } from '../../method/video/videoTrainer.js'
import { pixelImage } from '../../media/quantise.js'
import { assertFinite } from '../checkpoint.js'
import type { RunStore } from '../store.js'
import type { TrainerState } from '../trainerContract.js'
import { TrainingLoop } from '../trainingLoop.js'
import type { ClipGround } from './clipGround.js'
import type { OpenVideoTrainer, VideoTrainerInput } from './openVideoTrainer.js'
import { readStageCheckpoint, tensorSchema, writeStageCheckpoint } from './stageCheckpoint.js'
import { checkpointFiles, clipPreviewFile } from './videoFiles.js'
import type { StageTools } from './videoSession.js'

/** An edit layer, and the number of steps it was trained for. */
export interface TrainedEdit {
  readonly step: number
  /** RGBA, straight alpha, at the size of the layer's atlas image. */
  readonly edit: FloatImage
}

/**
 * Trains the edit of one layer from its last checkpoint, or takes it as it is when all steps were made. When the signal
 * aborts, the step at hand is finished and the state kept.
 * @throws LOSS_NOT_FINITE, DISK_FULL, INTERRUPTED, CHECKPOINT_*, and all that opening the trainer throws
 */
export async function trainStage(
  tools: StageTools,
  ground: ClipGround,
  layer: LayerName,
  open: OpenVideoTrainer,
): Promise<TrainedEdit> {
  const { signal, emit } = tools
  const saved = await readEdit(tools, layer)
  if (saved !== null && saved.step >= tools.settings.steps) return await fitting(saved, ground.atlas, layer)
  const state = await readState(tools, layer)
  const trainer = await open(trainerInput(tools, ground, layer, state), emit, signal)
  try {
    if (state !== null)
      emit({ type: 'resumed', stage: 'training', layer, done: state.step, total: tools.settings.steps })
    await trainLayer(tools, ground, layer, trainer)
    signal.throwIfAborted()
    return await writeEdit(tools, layer, { step: trainer.step, edit: await trainer.edit() })
  } finally {
    await trainer.dispose()
  }
}

/** What the trainer of a layer is opened with. */
export const trainerInput = (
  { settings, input: { mask }, access }: Pick<StageTools, 'settings' | 'input' | 'access'>,
  { atlas, frames }: Pick<ClipGround, 'atlas' | 'frames'>,
  layer: LayerName,
  state: TrainerState | null,
): VideoTrainerInput => ({
  settings,
  access,
  atlas,
  frames,
  layer,
  ...(mask === null ? {} : { mask }),
  ...(state === null ? {} : { state }),
})

async function trainLayer(
  tools: StageTools,
  ground: ClipGround,
  layer: LayerName,
  trainer: VideoTrainer,
): Promise<void> {
  const { signal, control, machine, emit } = tools
  const preview = () => showMiddleFrame(tools, ground, layer, trainer)
  await new TrainingLoop(trainer, {
    settings: () => tools.settings,
    signal,
    control,
    memory: machine.memory,
    of: layer,
    tell: (event) => emit({ ...event, layer }),
    preview,
    keep: () => keepState(tools, layer, trainer),
    followControl: (loop) => tools.followControl({ step: trainer.step, keep: () => loop.keep(), preview }),
  }).run()
}

async function keepState(
  { store, fingerprint, emit }: StageTools,
  layer: LayerName,
  trainer: VideoTrainer,
): Promise<void> {
  const name = checkpointFiles.training(layer)
  const state = await trainer.state()
  assertFinite(state)
  const tensors = new Map(
    Object.entries(state.tensors).map(([name, { shape, data }]) => [name, float32Tensor(shape, data)]),
  )
  const bytes = await writeStageCheckpoint(store, name, `training of the ${layer}`, fingerprint, {
    tensors,
    texts: { step: String(state.step) },
  })
  emit({ type: 'checkpoint', stage: 'training', layer, step: trainer.step, path: store.file(name), bytes })
}

/** The middle frame with the edit as it is. */
async function showMiddleFrame(
  { settings: { atlasSampling }, input: { clip }, store, machine, emit }: StageTools,
  { atlas, frames }: ClipGround,
  layer: LayerName,
  trainer: VideoTrainer,
): Promise<void> {
  const t = frames.pixels.length >> 1
  const rendered = await renderEdit(
    { atlas, frames, edits: { [layer]: await trainer.edit() }, behaviour: atlasSampling },
    t,
  )
  const { frame } = boundedEdit(rendered, frames.pixels[t]!, clip.alphas?.[t] ?? null)
  const png = await machine.codec.encodePng(pixelImage(frames.width, frames.height, 3, frame))
  const name = clipPreviewFile(layer, trainer.step)
  await store.write(name, png)
  emit({ type: 'preview', layer, step: trainer.step, path: store.file(name), png })
}

/** The state of the last checkpoint of a layer's training, or null. */
export async function readState(
  { store, fingerprint }: Pick<StageTools, 'fingerprint'> & { readonly store: Pick<RunStore, 'file' | 'read'> },
  layer: LayerName,
): Promise<TrainerState | null> {
  const saved = await readStageCheckpoint(
    store,
    checkpointFiles.training(layer),
    `training of the ${layer}`,
    fingerprint,
  )
  if (saved === null) return null
  const tensors = Object.fromEntries(
    [...saved.tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor, name) }]),
  )
  return { step: saved.step, tensors }
}

const editSchema = z.object({ edit: tensorSchema('F32', [4, null, null]) })

/** The edit of a layer as it was last drawn, or null. */
export async function readEdit(
  { store, fingerprint }: Pick<StageTools, 'store' | 'fingerprint'>,
  layer: LayerName,
): Promise<TrainedEdit | null> {
  const name = checkpointFiles.edit(layer)
  const saved = await readStageCheckpoint(store, name, `edit of the ${layer}`, fingerprint, editSchema)
  if (saved === null) return null
  const { edit } = saved.named
  const [, height = 0, width = 0] = edit.shape
  return { step: saved.step, edit: { width, height, channels: 4, data: toFloat32(edit, 'edit') } }
}

/** @throws CHECKPOINT_INVALID for an edit of another size than the atlas image it lies on */
export async function fitting(trained: TrainedEdit, atlas: LayeredAtlas, layer: LayerName): Promise<TrainedEdit> {
  const { width, height } = await atlas.image(layer)
  if (trained.edit.width === width && trained.edit.height === height) return trained
  throw new Text2LiveError(
    'CHECKPOINT_INVALID',
    `Expected the saved edit of the ${layer} to be ${width}x${height}, as its atlas image is; it is ${trained.edit.width}x${trained.edit.height}. ` +
      `Delete ${checkpointFiles.edit(layer)} and resume the run.`,
  )
}

/** Keeps the drawn edit, so that pictures can be made without the trainer. */
async function writeEdit(
  { store, fingerprint, emit }: StageTools,
  layer: LayerName,
  trained: TrainedEdit,
): Promise<TrainedEdit> {
  const name = checkpointFiles.edit(layer)
  const { width, height, data } = trained.edit
  const tensors = new Map([['edit', float32Tensor([4, height, width], data)]])
  const bytes = await writeStageCheckpoint(store, name, `edit of the ${layer}`, fingerprint, {
    tensors,
    texts: { step: String(trained.step) },
  })
  emit({ type: 'checkpoint', stage: 'training', layer, step: trained.step, path: store.file(name), bytes })
  return trained
}
