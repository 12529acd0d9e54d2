import type { OpenVideoTrainer } from './openVideoTrainer.js'

/** What a run over a clip needs from outside. */
export interface VideoEnvironment {
  /** Aborts with an INTERRUPTED error as its reason. */
  readonly signal: AbortSignal
  readonly openTrainer: OpenVideoTrainer
}
