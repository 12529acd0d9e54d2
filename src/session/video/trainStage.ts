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
import { readCheckpoint, readState, tensorSchema, writeCheckpoint } from '../checkpoint.js'
import type { CheckpointEvent, PreviewEvent, StepEvent } from '../events.js'
import { trainSteered } from '../steeredTraining.js'
import type { TrainerState } from '../trainerContract.js'
import type { VideoEvent } from '../videoEvents.js'
import type { ClipGround } from './clipGround.js'
import type { OpenVideoTrainer, VideoTrainerInput } from './openVideoTrainer.js'
import type { ClipSession, StageTools } from './clipSession.js'
import { checkpoints, clipPreviewFile } from './videoFiles.js'

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
  session: ClipSession,
  ground: ClipGround,
  layer: LayerName,
  open: OpenVideoTrainer,
): Promise<TrainedEdit> {
  const { signal, emit, store, fingerprint } = session
  const saved = await readEdit(session, layer)
  if (saved !== null && saved.step >= session.settings.steps) return await fitting(saved, ground.atlas, layer)
  const place = checkpoints.training(layer)
  const state = await readState(store, place, fingerprint)
  const trainer = await open(trainerInput(session, ground, layer, state), emit, signal)
  try {
    if (state !== null)
      emit({ type: 'resumed', stage: 'training', layer, done: state.step, total: session.settings.steps })
    await trainSteered(session, {
      trainer,
      layer,
      place,
      previewFile: (step) => clipPreviewFile(layer, step),
      picture: () => middleFrame(session, ground, layer, trainer),
      tell: (event) => emit(ofLayer(layer, event, store.file(clipPreviewFile(layer, event.step)))),
    })
    signal.throwIfAborted()
    return await writeEdit(session, layer, { step: trainer.step, edit: await trainer.edit() })
  } finally {
    await trainer.dispose()
  }
}

/** @param preview the file of a preview after this step */
function ofLayer(layer: LayerName, event: StepEvent | PreviewEvent | CheckpointEvent, preview: string): VideoEvent {
  switch (event.type) {
    case 'step':
      return { ...event, layer }
    case 'preview':
      return { ...event, layer, path: preview }
    case 'checkpoint':
      return { ...event, stage: 'training', layer }
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

/** The middle frame with the edit as it is, as PNG. */
async function middleFrame(
  { settings: { atlasSampling }, input: { clip }, machine }: StageTools,
  { atlas, frames }: ClipGround,
  layer: LayerName,
  trainer: VideoTrainer,
): Promise<Uint8Array> {
  const t = frames.pixels.length >> 1
  const rendered = await renderEdit(
    { atlas, frames, edits: { [layer]: await trainer.edit() }, behaviour: atlasSampling },
    t,
  )
  const { frame } = boundedEdit(rendered, frames.pixels[t]!, clip.alphas?.[t] ?? null)
  return await machine.codec.encodePng(pixelImage(frames.width, frames.height, 3, frame))
}

const editSchema = z.object({ edit: tensorSchema('F32', [4, null, null]) })

/** The edit of a layer as it was last drawn, or null. */
export async function readEdit(
  { store, fingerprint }: Pick<StageTools, 'store' | 'fingerprint'>,
  layer: LayerName,
): Promise<TrainedEdit | null> {
  const saved = await readCheckpoint(store, checkpoints.edit(layer), fingerprint, editSchema)
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
      `Delete ${checkpoints.edit(layer).file} and resume the run.`,
  )
}

/** Keeps the drawn edit, so that pictures can be made without the trainer. */
async function writeEdit(
  { store, fingerprint, emit }: StageTools,
  layer: LayerName,
  trained: TrainedEdit,
): Promise<TrainedEdit> {
  const place = checkpoints.edit(layer)
  const { width, height, data } = trained.edit
  const tensors = new Map([['edit', float32Tensor([4, height, width], data)]])
  const bytes = await writeCheckpoint(store, place, fingerprint, tensors, trained.step)
  emit({ type: 'checkpoint', stage: 'training', layer, step: trained.step, path: store.file(place.file), bytes })
  return trained
}
