import { Text2LiveError } from '../errors.js'
import { compositeOver } from '../media/compositeOver.js'
import type { ImageCodec, PictureSource } from '../media/imageCodec.js'
import { quantise } from '../media/quantise.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { regionTexts } from '../options/region.js'
import { writeConfig } from '../options/writeConfig.js'
import { eitherMask, writeCheckpoint, type Fingerprint } from './checkpoint.js'
import { digest } from './digest.js'
import { afterStep, keptBytes, stepEvents } from './eventLog.js'
import { eventLine, type RunEvent, type StepEvent } from './events.js'
import type { GuidanceAccess } from './guidanceAccess.js'
import { type ImageInput, withMask } from './imageInput.js'
import { interrupted } from './interrupted.js'
import type { RunControl } from './runControl.js'
import { runFiles } from './runFiles.js'
import type { RunLog, RunStore } from './store.js'
import type { OpenTrainer, Trainer, TrainerInput, TrainerState } from './trainerContract.js'
import { followControl, TrainingLoop } from './trainingLoop.js'
import { collectOutputs, makeOutputs, writeOutputs, type OutputFiles } from './outputs.js'

export type Emit = (event: RunEvent) => void

/** Everything one run needs, validated. */
export interface RunPlan {
  readonly settings: ImageSettings
  readonly input: ImageInput
  readonly access: GuidanceAccess
  readonly open: OpenTrainer
  readonly signal: AbortSignal
  /** Of settings and input, where it is known. */
  readonly fingerprint?: Fingerprint
  /** The state of the checkpoint, when the run is continued. */
  readonly start: TrainerState | null
  /**
   * Makes the store, or null for a run that keeps nothing; called once the texts are known to fit and the device to
   * work.
   */
  readonly store: () => Promise<RunStore | null>
  readonly machine: RunMachine
  /** The hand of somebody who watches. */
  readonly control?: RunControl | undefined
}

/** What a run needs of the machine that it is on. */
export interface RunMachine {
  readonly codec: ImageCodec
  /** Resident memory of this process, bytes; absent where a machine does not tell. */
  readonly memory?: () => number
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

/** What a checkpoint of this run is recognised by. */
export const fingerprintOf = async (settings: ImageSettings, input: ImageInput): Promise<Fingerprint> => ({
  settings,
  photo: await digest(input.photo.bytes),
  mask: await digest(input.mask?.bytes ?? null),
  below: await Promise.all(input.below.map(({ png }) => digest(png))),
})

/**
 * Trains the edit layer and writes what a run keeps. When `signal` aborts, the step at hand is finished and the outputs
 * of the state reached are written.
 * @throws LOSS_NOT_FINITE, DISK_FULL, OUTPUT_NOT_WRITABLE, ..., and all that opening the trainer throws
 */
export async function trainRun(plan: RunPlan, emit: Emit): Promise<TrainedRun> {
  const { settings, input, start, signal } = plan
  const session = new RunSession(plan, plan.fingerprint ?? (await fingerprintOf(settings, input)), emit)
  const stopped = (): boolean => signal.aborted
  let trainer: Trainer | null = null
  try {
    trainer = await plan.open(trainerInput(settings, input, start, plan.access), session.emit, signal)
    if (stopped()) throw interrupted()
    await session.begin(await plan.store())
    if (start !== null) session.emit({ type: 'resumed', step: start.step, steps: settings.steps })
    // A learned start shows something before any training.
    else if (trainer.learned === true && settings.previewEvery > 0) await session.preview(trainer)
    await session.train(trainer)
    return await session.finish(trainer)
  } catch (error) {
    session.fail(error)
    throw error
  } finally {
    session.close()
    await trainer?.dispose()
  }
}

class RunSession {
  readonly #plan: RunPlan
  readonly #emitOutside: Emit
  readonly #started = performance.now()
  #fingerprint: Fingerprint
  #input: ImageInput
  /** Events from before the store was made. */
  #early: RunEvent[] = []
  #store: RunStore | null = null
  #log: RunLog | null = null
  #steps: StepEvent[] = []
  #settings: ImageSettings

  constructor(plan: RunPlan, fingerprint: Fingerprint, emit: Emit) {
    this.#plan = plan
    this.#emitOutside = emit
    this.#fingerprint = fingerprint
    this.#settings = plan.settings
    this.#input = plan.input
  }

  /** Trains until the steps are made or somebody stops it, and keeps the state reached. */
  async train(trainer: Trainer): Promise<void> {
    const { signal, control, machine } = this.#plan
    const settings = () => this.#settings
    const preview = () => this.preview(trainer)
    await new TrainingLoop(trainer, {
      settings,
      signal,
      control,
      memory: machine.memory,
      before: this.#steps.map(({ seconds }) => seconds),
      tell: (event) => {
        this.#steps.push(event)
        this.emit(event)
      },
      preview,
      keep: () => this.#checkpoint(trainer),
      followControl: (loop) =>
        followControl(control, signal, {
          get steps() {
            return settings().steps
          },
          keep: () => loop.keep(),
          held: (type) => this.emit({ type, step: trainer.step }),
          changeMask: (picture) => this.#changeMask(trainer, loop, picture),
          changeSteps: (steps) => this.#changeSteps(steps),
          preview,
        }),
    }).run()
  }

  /** Other steps go into the settings, the kept ones too: the run goes on to that step when it is resumed. */
  async #changeSteps(steps: number): Promise<void> {
    this.#settings = { ...this.#settings, steps }
    await this.#store?.write(runFiles.config, writeConfig(this.#settings))
    this.emit({ type: 'steps', steps })
  }

  /**
   * Trains on within another mask. Whenever this process dies, the run can go on: what lies in it is of the mask before
   * or of the new one, and until the new one is in place the checkpoint belongs to either.
   */
  async #changeMask(trainer: Trainer, loop: TrainingLoop, picture: PictureSource | null): Promise<void> {
    const { machine } = this.#plan
    let input: ImageInput
    try {
      input = await withMask(this.#input, picture, machine.codec)
    } catch (error) {
      if (!(error instanceof Text2LiveError)) throw error
      this.emit({ type: 'warning', message: `The mask stays as it is: ${error.message}` })
      return
    }
    const settings = { ...this.#settings, mask: input.mask && keptMask(input.mask.extension) }
    const fingerprint = { ...this.#fingerprint, settings, mask: await digest(input.mask?.bytes ?? null) }
    const state = await trainer.state()
    if (this.#store !== null) {
      const before = this.#fingerprint
      await writeCheckpoint(this.#store, { state, fingerprint: eitherMask(before, fingerprint) })
      if (input.mask !== null) await this.#store.write(settings.mask!, input.mask.bytes)
      await this.#store.write(runFiles.config, writeConfig(settings))
    }
    await trainer.setMask(input.training.mask ?? null)
    this.#settings = settings
    this.#fingerprint = fingerprint
    this.#input = input
    await loop.keep(true)
    for (const message of input.notes) if (message.startsWith('mask: ')) this.emit({ type: 'note', message })
    this.emit({ type: 'mask', step: trainer.step, masked: input.mask !== null, file: this.#store && settings.mask })
  }

  readonly emit: Emit = (event) => {
    if (this.#log === null) this.#early.push(event)
    else this.#log.append(eventLine(event))
    this.#emitOutside(event)
  }

  async begin(store: RunStore | null): Promise<void> {
    const { settings, start } = this.#plan
    this.#store = store
    if (store !== null) {
      const before = await store.read(runFiles.events)
      // What a run that goes on had told of later steps is done again.
      const keep = keptBytes(before, afterStep(start?.step ?? 0))
      this.#steps = stepEvents(before?.subarray(0, keep) ?? null, store.file(runFiles.events))
      this.#log = await store.openLog(runFiles.events, keep)
      for (const event of this.#early) this.#log.append(eventLine(event))
    }
    this.#early = []
    const { width, height } = this.#input.training.photo
    const { width: fullWidth, height: fullHeight } = this.#input.photo.pixels
    this.emit({
      type: 'run-start',
      settings,
      ...this.#place(),
      photo: { width: fullWidth, height: fullHeight },
      training: { width, height },
    })
  }

  async finish(trainer: Trainer): Promise<TrainedRun> {
    const { signal, machine } = this.#plan
    const settings = this.#settings
    const store = this.#store
    const finished = trainer.step >= settings.steps
    const layer = await trainer.layer()
    // Pictures of the photo's own size need the memory that the guidance model and its graphs hold.
    await trainer.dispose()
    const outputs = makeOutputs(this.#input, layer, this.#steps, machine.codec, titleOf(settings))
    const files = store === null ? await collectOutputs(outputs) : null
    if (store !== null) await writeOutputs(store, outputs, this.emit)
    const ending = {
      step: trainer.step,
      steps: settings.steps,
      seconds: (performance.now() - this.#started) / 1000,
      ...this.#place(),
    }
    if (finished) this.emit({ type: 'done', ...ending })
    else if (signal.aborted) this.emit({ type: 'interrupted', ...ending })
    return { finished, step: trainer.step, settings, store, files }
  }

  /** Writes the error to the log as far as the disk allows; the error itself is what the caller hears. */
  fail(error: unknown): void {
    if (!(error instanceof Text2LiveError)) return
    try {
      this.#log?.append(eventLine({ type: 'error', code: error.code, message: error.message }))
    } catch (second) {
      if (!(second instanceof Text2LiveError)) throw second
    }
  }

  close(): void {
    this.#log?.close()
    this.#log = null
    this.#store?.release()
  }

  async preview(trainer: Trainer): Promise<void> {
    const layer = await trainer.layer()
    const png = await this.#plan.machine.codec.encodePng(quantise(compositeOver(layer, this.#input.training.photo), 8))
    const name = `${runFiles.previews}/step-${String(trainer.step).padStart(6, '0')}.png`
    await this.#store?.write(name, png)
    this.emit({
      type: 'preview',
      step: trainer.step,
      png,
      ...(this.#store === null ? {} : { path: this.#store.file(name) }),
    })
  }

  async #checkpoint(trainer: Trainer): Promise<void> {
    const store = this.#store
    if (store === null) return
    const bytes = await writeCheckpoint(store, { state: await trainer.state(), fingerprint: this.#fingerprint })
    this.emit({ type: 'checkpoint', step: trainer.step, path: store.file(runFiles.checkpoint), bytes })
  }

  #place(): { folder?: string } {
    return this.#store === null ? {} : { folder: this.#store.path }
  }
}
