import { interruptedBy } from '../interrupted.js'
import type { RunControl } from '../runControl.js'
import type { ClipMachine } from './clipMachine.js'
import { type CheckTexts, type OpenVideoTrainer, textsCheckedIn, videoTrainerIn } from './openVideoTrainer.js'

/** What a run over a clip needs from outside. */
export interface VideoEnvironment {
  /** Aborts with an INTERRUPTED error as its reason. */
  readonly signal: AbortSignal
  readonly openTrainer: OpenVideoTrainer
  /** Loads the guidance and reads the texts with it, so that what is wrong with them is said before the work begins. */
  readonly checkTexts: CheckTexts
  /** The hand of somebody who watches. */
  readonly control?: RunControl | undefined
}

/** Trains on this machine, until `signal` aborts. */
export const environmentOn = (
  machine: ClipMachine,
  signal: AbortSignal,
  control: RunControl | undefined,
): VideoEnvironment => ({
  signal: interruptedBy(signal),
  openTrainer: videoTrainerIn(machine),
  checkTexts: textsCheckedIn(machine),
  control,
})
