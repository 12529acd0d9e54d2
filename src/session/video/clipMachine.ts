import type { FlowBeside } from '../../atlas/clipFlow.js'
import type { FastSettings } from '../../atlas/fast/fastSettings.js'
import type { FitPart, PartFrames } from '../../atlas/fast/fitPart.js'
import type { ClipCodec } from '../../media/clipCodec.js'
import type { TrainingPlace } from '../openTrainer.js'
import type { RunMachine } from '../runMachine.js'

/** What a machine has for clips, besides what photos need. */
export interface ClipTools {
  readonly clips: ClipCodec
  /**
   * Asks at the start of a run for what it needs, since some is needed only at its end: to write the clips.
   * @throws DEPENDENCY_MISSING, TELEMETRY_ON, CLIP_CODEC_MISSING
   */
  readonly prepare: (goal: 'edit' | 'atlas') => Promise<void>
  /** SHA-256 in hex over the pieces, one after the other; text as UTF-8. */
  readonly digest: (pieces: Iterable<Uint8Array | string>) => string
  /**
   * How work on the CPU is shared with a thread beside this one; null for one thread. Absent where a machine has no
   * threads.
   * @param threads what the settings say; 0 for what the machine has
   */
  readonly beside?: (threads: number) => WorkBeside | null
}

/** What a thread beside this one can do. */
export interface WorkBeside {
  /** A part of a clip's flow. */
  readonly openFlow: () => FlowBeside
  /** Of ONNX Runtime, for each part of a fit. */
  readonly threads: number
  readonly openPart: (frames: PartFrames, settings: FastSettings, signal: AbortSignal | undefined) => Promise<FitPart>
}

/** What a run over a clip needs of the machine that it is on. */
export interface ClipMachine extends RunMachine, TrainingPlace, ClipTools {}
