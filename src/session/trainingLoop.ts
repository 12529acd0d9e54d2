import { Text2LiveError } from '../errors.js'
import type { PictureSource } from '../media/imageCodec.js'
import type { StepEvent } from './events.js'
import type { RunControl } from './runControl.js'
import type { StepReport } from './trainerContract.js'

/** What somebody who steers a run can ask of it; told between two steps. */
export interface SteerableRun {
  /** Steps that it makes as planned now. */
  readonly steps: number
  /** Keeps what it has, before it is held. */
  keep(): Promise<void>
  /** Tells that it is held, or goes on. */
  held(as: 'paused' | 'going-on'): void
  changeMask(picture: PictureSource | null): Promise<void>
  changeSteps(steps: number): Promise<void>
  /** Absent where there is nothing to show yet: the wish waits. */
  readonly preview?: (() => Promise<void>) | undefined
}

/** Does what was asked of the control, and holds the run here as long as it is to be held. */
export async function followControl(
  control: RunControl | undefined,
  signal: AbortSignal,
  run: SteerableRun,
): Promise<void> {
  if (control === undefined) return
  if (control.held && !signal.aborted) await hold(control, signal, run)
  await answer(control, run)
}

async function hold(control: RunControl, signal: AbortSignal, run: SteerableRun): Promise<void> {
  await run.keep()
  run.held('paused')
  let previewLater = false
  while (control.held && !signal.aborted) {
    if (run.preview === undefined && control.takePreview()) previewLater = true
    // Answered last: what is asked during an answer, to go on among it, is seen before the next wait.
    await control.asked(signal)
    await answer(control, run)
  }
  if (previewLater) control.preview()
  if (!signal.aborted) run.held('going-on')
}

async function answer(control: RunControl, run: SteerableRun): Promise<void> {
  const mask = control.takeMask()
  if (mask !== null) await run.changeMask(mask.picture)
  const { steps } = control
  if (steps !== null && steps !== run.steps) await run.changeSteps(steps)
  if (run.preview !== undefined && control.takePreview()) await run.preview()
}

/** Milliseconds between two checkpoints. */
const checkpointInterval = 10_000

/** What trains: the trainer of a photo, or of a layer of a clip. */
export interface Learner {
  /** Steps done. */
  readonly step: number
  readonly device: string
  train(): Promise<StepReport>
}

/** What a training is part of. */
export interface LoopHost {
  /** As they are now; whoever steers changes them. */
  readonly settings: () => { readonly steps: number; readonly previewEvery: number }
  readonly signal: AbortSignal
  readonly control?: RunControl | undefined
  /** Resident memory of this process, bytes. */
  readonly memory?: (() => number) | undefined
  /** What a message names: the loss "of the foreground". */
  readonly of?: string
  /** Seconds that the last steps of an earlier process took. */
  readonly before?: readonly number[]
  /** `followControl`, with what the run can do besides training. */
  followControl(loop: TrainingLoop): Promise<void>
  tell(event: StepEvent): void
  preview(): Promise<void>
  /** Writes a checkpoint of the state. */
  keep(): Promise<void>
}

/** Steps, previews and checkpoints of one training, until its steps are made or somebody stops it. */
export class TrainingLoop {
  readonly #learner: Learner
  readonly #host: LoopHost
  readonly #seconds: number[]
  #kept = { step: -1, at: performance.now() }

  constructor(learner: Learner, host: LoopHost) {
    this.#learner = learner
    this.#host = host
    this.#seconds = [...(host.before ?? [])]
  }

  /**
   * When the signal aborts, the step at hand is finished; in either case the state reached is kept.
   * @throws LOSS_NOT_FINITE, and all that training and keeping throw
   */
  async run(): Promise<void> {
    const { settings, signal } = this.#host
    for (;;) {
      // Whoever asks for something is heard between two steps.
      await new Promise((resolve) => setTimeout(resolve, 0))
      await this.#host.followControl(this)
      if (signal.aborted || this.#learner.step >= settings().steps) break
      await this.#step()
    }
    await this.keep()
  }

  /** @param anew also where this step is kept already, as under another mask */
  async keep(anew = false): Promise<void> {
    const { step } = this.#learner
    this.#kept.at = performance.now()
    if (this.#kept.step === step && !anew) return
    await this.#host.keep()
    this.#kept = { step, at: performance.now() }
  }

  async #step(): Promise<void> {
    const { settings, control, memory, of } = this.#host
    const start = performance.now()
    const { step, losses, learningRate } = await this.#learner.train()
    assertFinite(step, losses, of)
    const seconds = (performance.now() - start) / 1000
    this.#seconds.push(seconds)
    const { steps, previewEvery } = settings()
    const bytes = memory?.()
    this.#host.tell({
      type: 'step',
      step,
      steps,
      losses,
      learningRate,
      seconds,
      secondsLeft: this.#secondsLeft(steps - step),
      ...(bytes === undefined ? {} : { memory: bytes }),
      device: this.#learner.device,
    })
    if (previewEvery > 0 && step % previewEvery === 0 && step < steps) {
      control?.takePreview()
      await this.#host.preview()
    }
    if (performance.now() - this.#kept.at >= checkpointInterval) await this.keep()
  }

  #secondsLeft(steps: number): number {
    const recent = this.#seconds.slice(-10)
    return (steps * recent.reduce((sum, seconds) => sum + seconds, 0)) / recent.length
  }
}

function assertFinite(step: number, losses: Readonly<Record<string, number>>, of: string | undefined): void {
  const bad = Object.entries(losses).find(([, value]) => !Number.isFinite(value))
  if (bad === undefined) return
  throw new Text2LiveError(
    'LOSS_NOT_FINITE',
    `At step ${step} the ${bad[0]} loss${of === undefined ? '' : ` of the ${of}`} became ${bad[1]}, so training stopped. ` +
      'The last good checkpoint is kept. Try a lower --learning-rate or another --seed.',
  )
}
