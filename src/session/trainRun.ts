import { Text2LiveError } from '../errors.js'
import { compositeOver } from '../media/compositeOver.js'
import type { PictureSource } from '../media/imageCodec.js'
import { quantise } from '../media/quantise.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { imageTable } from '../options/imageTable.js'
import { regionTexts } from '../options/region.js'
import { writeConfig } from '../options/writeConfig.js'
import { type CheckpointPlace, eitherMask, type Fingerprint, type Pictures, writeState } from './checkpoint.js'
import { digest } from './digest.js'
import { afterStep } from './eventLog.js'
import type { PhotoStage, RunEvent, StepEvent } from './events.js'
import type { GuidanceAccess } from './guidanceAccess.js'
import { type ImageInput, withMask } from './imageInput.js'
import { interrupted } from './interrupted.js'
import type { RunControl } from './runControl.js'
import { previewFile, runFiles } from './runFiles.js'
import type { RunMachine } from './runMachine.js'
import { type RunRules, RunSession } from './runSession.js'
import { showPreview, trainSteered, type Training } from './steeredTraining.js'
import type { RunStore } from './store.js'
import type { OpenTrainer, Trainer, TrainerInput, TrainerState } from './trainerContract.js'
import { collectOutputs, makeOutputs, writeOutputs, type OutputFiles } from './outputs.js'

export type Emit = (event: RunEvent) => void

/** A run on a photo. */
interface PhotoKind {
  readonly settings: ImageSettings
  readonly input: ImageInput
  readonly stage: PhotoStage
  readonly event: RunEvent
  readonly machine: RunMachine
}

type PhotoSession = RunSession<PhotoKind>

const photoRules: RunRules<PhotoKind> = { table: imageTable, first: 'photo', yields: false, keepsMask: null }

/** Everything one run needs, validated. */
export interface RunPlan {
  readonly settings: ImageSettings
  readonly input: ImageInput
  readonly access: GuidanceAccess
  readonly open: OpenTrainer
  readonly signal: AbortSignal
  /** Those of the input, where they are hashed already. */
  readonly pictures?: Pictures
  /** The state of the checkpoint, when the run is continued. */
  readonly start: TrainerState | null
  /**
   * Makes the store, or null for a run that keeps nothing; called once the texts are known to fit and the device to
   * work.
   */
  readonly store: () => Promise<RunStore | null>
  readonly machine: RunMachine
  /** Events from before, which the outside has heard. */
  readonly early?: readonly RunEvent[]
  /** The hand of somebody who watches. */
  readonly control?: RunControl | undefined
}

/** What a run leaves. */
export interface TrainedRun {
  /** All steps were made; false for a run that was stopped and wrote the state it had reached. */
  readonly finished: boolean
  readonly step: number
  readonly settings: ImageSettings
  /** Null for a run that keeps nothing. */
  readonly store: RunStore | null
  /** Each output as the bytes of its file; null where they are in the store. */
  readonly files: OutputFiles | null
}

export const trainerInput = (
  settings: ImageSettings,
  input: ImageInput,
  state: TrainerState | null,
  access: GuidanceAccess,
): TrainerInput => ({
  access,
  photo: input.training.photo,
  ...(input.training.mask === undefined ? {} : { mask: input.training.mask }),
  settings,
  texts: { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: regionTexts(settings) },
  ...(state === null ? {} : { state }),
})

/** What a run calls its copy of the mask. */
export const keptMask = (extension: string): string => `mask.${extension}`

/** What the layer of a run is called among others. */
export const titleOf = ({ prompt }: Pick<ImageSettings, 'prompt'>): string => prompt[0] ?? 'edit layer'

/** The checkpoint of a run on a photo. */
export const photoCheckpoint: CheckpointPlace = {
  file: runFiles.checkpoint,
  stage: 'training',
  counted: true,
  table: imageTable,
}

/** What a checkpoint of this run is recognised by. */
export const fingerprintOf = async (
  settings: ImageSettings,
  input: ImageInput,
): Promise<Fingerprint<ImageSettings>> => ({
  settings,
  pictures: {
    photo: await digest(input.photo.bytes),
    mask: await digest(input.mask?.bytes ?? null),
    below: (await Promise.all(input.below.map(({ png }) => digest(png)))).join('+'),
  },
})

/**
 * Trains the edit layer and writes what a run keeps. When `signal` aborts, the step at hand is finished and the outputs
 * of the state reached are written.
 * @throws LOSS_NOT_FINITE, DISK_FULL, OUTPUT_NOT_WRITABLE, ..., and all that opening the trainer throws
 */
export async function trainRun(plan: RunPlan, emit: Emit): Promise<TrainedRun> {
  const { settings, input, start, signal, access, machine, control } = plan
  const pictures = plan.pictures ?? (await fingerprintOf(settings, input)).pictures
  const session: PhotoSession = new RunSession<PhotoKind>({
    settings,
    input,
    pictures,
    machine,
    access,
    signal,
    control,
    emit,
    early: plan.early ?? [],
    rules: photoRules,
  })
  let trainer: Trainer | null = null
  try {
    trainer = await session.stage('preparation', async () => {
      const opened = await plan.open(trainerInput(settings, input, start, access), session.emit, signal)
      if (!signal.aborted) return opened
      await opened.dispose()
      throw interrupted()
    })
    await begin(session, plan)
    await train(session, trainer, start)
    return await finish(session, trainer)
  } catch (error) {
    session.fail(error)
    throw error
  } finally {
    session.close()
    await trainer?.dispose()
  }
}

async function begin(session: PhotoSession, { store, start }: RunPlan): Promise<void> {
  // What a run that goes on had told of later steps is done again.
  await session.begin(await store(), afterStep(start?.step ?? 0))
  const { settings, input } = session
  const { width, height } = input.training.photo
  const { width: fullWidth, height: fullHeight } = input.photo.pixels
  session.emit({
    type: 'run-start',
    settings,
    ...placeOf(session),
    photo: { width: fullWidth, height: fullHeight },
    training: { width, height },
  })
}

async function train(session: PhotoSession, trainer: Trainer, start: TrainerState | null): Promise<void> {
  const { machine, emit, settings } = session
  const training: Training = {
    trainer,
    place: photoCheckpoint,
    previewFile,
    async picture() {
      const shown = compositeOver(await trainer.layer(), session.input.training.photo)
      return await machine.codec.encodePng(quantise(shown, 8))
    },
    tell: emit,
    changeMask: (picture, keep) => changeMask(session, trainer, picture, keep),
  }
  await session.stage('training', async () => {
    if (start !== null) emit({ type: 'resumed', step: start.step, steps: settings.steps })
    // A learned start shows something before any training.
    else if (trainer.learned === true && settings.previewEvery > 0) await showPreview(session, training)
    await trainSteered(session, training)
  })
}

/**
 * Trains on within another mask. Whenever this process dies, the run can go on: what lies in it is of the mask before
 * or of the new one, and until the new one is in place the checkpoint belongs to either.
 */
async function changeMask(
  session: PhotoSession,
  trainer: Trainer,
  picture: PictureSource | null,
  keep: () => Promise<void>,
): Promise<void> {
  const { emit, kept, machine, fingerprint } = session
  let input: ImageInput
  try {
    input = await withMask(session.input, picture, machine.codec)
  } catch (error) {
    if (!(error instanceof Text2LiveError)) throw error
    emit({ type: 'warning', message: `The mask stays as it is: ${error.message}` })
    return
  }
  const file = input.mask && keptMask(input.mask.extension)
  const settings = { ...session.settings, mask: file }
  const pictures = { ...fingerprint.pictures, mask: await digest(input.mask?.bytes ?? null) }
  if (kept !== null) {
    await writeState(kept, photoCheckpoint, eitherMask(fingerprint, { settings, pictures }), await trainer.state())
    if (input.mask !== null) await kept.write(file!, input.mask.bytes)
    await kept.write(runFiles.config, writeConfig(settings))
  }
  await trainer.setMask(input.training.mask ?? null)
  session.goOnWith({ settings, input, pictures })
  await keep()
  for (const message of input.notes) if (message.startsWith('mask: ')) emit({ type: 'note', message })
  emit({ type: 'mask', step: trainer.step, masked: input.mask !== null, file: kept && file })
}

async function finish(session: PhotoSession, trainer: Trainer): Promise<TrainedRun> {
  const { kept, machine, emit, signal, settings, input } = session
  const { step } = trainer
  const steps = session.events().filter((event): event is StepEvent => event.type === 'step')
  const files = await session.stage('rendering', async () => {
    const layer = await trainer.layer()
    // Pictures of the photo's own size need the memory that the guidance model and its graphs hold.
    await trainer.dispose()
    const outputs = makeOutputs(input, layer, steps, machine.codec, titleOf(settings))
    if (kept === null) return await collectOutputs(outputs)
    await writeOutputs(kept, outputs, emit)
    return null
  })
  const finished = step >= settings.steps
  const ending = { step, steps: settings.steps, seconds: session.seconds, ...placeOf(session) }
  if (finished) emit({ type: 'done', ...ending })
  else if (signal.aborted) emit({ type: 'interrupted', ...ending })
  return { finished, step, settings, store: kept, files }
}

const placeOf = ({ kept }: PhotoSession): { folder?: string } => (kept === null ? {} : { folder: kept.path })
