import type { LayerName } from '../atlas/layeredAtlas.js'
import type { PictureSource } from '../media/imageCodec.js'
import { type CheckpointPlace, writeState } from './checkpoint.js'
import type { CheckpointEvent, PreviewEvent, StepEvent } from './events.js'
import type { RunKind, RunSession } from './runSession.js'
import type { TrainerState } from './trainerContract.js'
import { type Learner, TrainingLoop } from './trainingLoop.js'

/** The training of a photo's layer or of one of a clip's, and where it is kept. */
export interface Training {
  readonly trainer: Learner & { state(): Promise<TrainerState> }
  /** Of a clip. */
  readonly layer?: LayerName
  readonly place: CheckpointPlace
  /** The file of the preview after this step. */
  readonly previewFile: (step: number) => string
  /** What the edit looks like now, as PNG. */
  readonly picture: () => Promise<Uint8Array>
  readonly tell: (event: StepEvent | PreviewEvent | CheckpointEvent) => void
  /** Goes on within another mask; absent where a run keeps its mask. */
  readonly changeMask?: (picture: PictureSource | null, keep: () => Promise<void>) => Promise<void>
}

/** A run whose settings say when to show something. */
interface TrainingKind extends RunKind {
  readonly settings: { readonly steps: number; readonly previewEvery: number }
}

/**
 * Trains until the steps are made or somebody stops it, heeds whoever steers, and keeps the state reached.
 * @throws LOSS_NOT_FINITE, DISK_FULL, OUTPUT_NOT_WRITABLE, and all that training throws
 */
export async function trainSteered<Kind extends TrainingKind>(
  session: RunSession<Kind>,
  training: Training,
): Promise<void> {
  const { signal, control, machine } = session
  const { trainer, layer, changeMask, tell } = training
  const preview = (): Promise<void> => showPreview(session, training)
  await new TrainingLoop(trainer, {
    settings: () => session.settings,
    signal,
    control,
    memory: machine.memory,
    ...(layer === undefined ? {} : { of: layer }),
    before: secondsOf(session.events(), layer),
    tell,
    preview,
    keep: () => keepState(session, training),
    followControl: (loop) =>
      session.followControl({
        step: trainer.step,
        keep: () => loop.keep(),
        preview,
        ...(changeMask && { changeMask: (picture) => changeMask(picture, () => loop.keep(true)) }),
      }),
  }).run()
}

/** Seconds that the steps so far took. */
function secondsOf(events: readonly { readonly type: string }[], layer: LayerName | undefined): number[] {
  const isStep = (event: { readonly type: string }): event is StepEvent & { readonly layer?: LayerName } =>
    event.type === 'step'
  return events.filter(isStep).flatMap((event) => (event.layer === layer ? [event.seconds] : []))
}

/** Makes a picture of the edit as it is, keeps it and tells of it. */
export async function showPreview<Kind extends RunKind>(
  { kept }: RunSession<Kind>,
  { trainer: { step }, picture, previewFile, tell }: Training,
): Promise<void> {
  const png = await picture()
  const name = previewFile(step)
  await kept?.write(name, png)
  tell({ type: 'preview', step, png, ...(kept === null ? {} : { path: kept.file(name) }) })
}

async function keepState<Kind extends RunKind>(
  { kept, fingerprint }: RunSession<Kind>,
  { trainer, place, tell }: Training,
): Promise<void> {
  if (kept === null) return
  const state = await trainer.state()
  const bytes = await writeState(kept, place, fingerprint, state)
  tell({ type: 'checkpoint', step: state.step, path: kept.file(place.file), bytes })
}
