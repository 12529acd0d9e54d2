import type { ImageCodec } from '../media/imageCodec.js'

/** What a run needs of the machine that it is on. */
export interface RunMachine {
  readonly codec: ImageCodec
  /** Resident memory of this process, bytes; absent where a machine does not tell. */
  readonly memory?: () => number
  /** The highest that `memory` has been in this process, bytes; absent where a machine does not tell. */
  readonly highestMemory?: () => number
}
