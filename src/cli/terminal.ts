import type { Output } from './lineReporter.js'

/** The streams a command writes to. */
export interface Terminal {
  readonly stdout: Output
  readonly stderr: Output
  /** Characters in a line of help or of an error. */
  readonly width: number
  /** Print stack traces too. */
  readonly debug: boolean
}

/** Sets the exit status that the program ends with when nothing was thrown. */
export type SetStatus = (status: number) => void
