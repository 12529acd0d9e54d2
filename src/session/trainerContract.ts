import type { Trainer as MethodTrainer, TrainerNotice as MethodNotice, TrainerOptions } from '../method/trainer.js'
import type { RunControl } from './runControl.js'
import type { GuidanceAccess } from './guidanceAccess.js'
import type { ModelProgress } from '../models/modelProgress.js'

export type { StepReport, TrainerState } from '../method/trainer.js'

export interface Trainer extends MethodTrainer {
  /**
   * Resident memory of the process that the trainer has of its own, bytes, as of its last step; absent where it is in
   * this one.
   */
  readonly memory?: number
}

/** What the trainer needs besides a runtime and a guidance model; plain data, it crosses to the training process. */
export type TrainerInput = Pick<TrainerOptions, 'photo' | 'mask' | 'settings' | 'texts' | 'state'> & {
  readonly access?: GuidanceAccess
}

/** What happens while a trainer is made or runs, besides its steps. */
export type TrainerNotice =
  | { readonly type: 'model-loading'; readonly guidance: string }
  | ModelProgress
  | MethodNotice
  | { readonly type: 'note' | 'warning'; readonly message: string }

/**
 * Makes the trainer of a run: in a process of its own for the command and the library, in place for a test.
 * @throws PROMPT_TOO_LONG, PROMPT_NOT_UNDERSTOOD, GUIDANCE_*, MODEL_*, DOWNLOAD_FAILED, DEVICE_UNAVAILABLE; INTERRUPTED
 *   when `signal` aborts
 */
export type OpenTrainer = (
  input: TrainerInput,
  notice: (notice: TrainerNotice) => void,
  signal: AbortSignal,
) => Promise<Trainer>

/** What a run needs from outside: where training happens, and when to stop. */
export interface RunEnvironment {
  readonly open: OpenTrainer
  readonly signal: AbortSignal
  /** The hand of somebody who watches. */
  readonly control?: RunControl | undefined
  /** Make runs/<photo>-<n> when no folder is given; otherwise such a run stays in memory. */
  readonly defaultFolder: boolean
}
