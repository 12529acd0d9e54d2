import type { Text2LiveError } from '../errors.js'
import type { Output } from './lineReporter.js'

/** Why nothing more can be written to stdout: its reader went away, as `head` does, or what the system said. */
export type OutputLoss = 'reader left' | Text2LiveError

/** The streams a command writes to. */
export interface Terminal {
  readonly stdout: Output
  readonly stderr: Output
  /** Characters in a line of help or of an error. */
  readonly width: number
  /** Print stack traces too. */
  readonly debug: boolean
  /** Aborts, with an `OutputLoss` as its reason, when nothing more can be written to stdout. */
  readonly outputLost?: AbortSignal
}

/** Sets the exit status that the program ends with when nothing was thrown. */
export type SetStatus = (status: number) => void
