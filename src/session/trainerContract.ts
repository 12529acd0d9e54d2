import type { Trainer, TrainerNotice as MethodNotice, TrainerOptions } from '../method/trainer.js'
import type { RunControl } from './runControl.js'
import type { GuidanceAccess } from './guidanceAccess.js'
import type { ModelProgress } from '../models/modelProgress.js'

export type { StepReport, TrainerState } from '../method/trainer.js'

export type { Trainer }

/** What the trainer needs besides a runtime and a guidance model. */
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
 * Makes the trainer of a run.
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
}
