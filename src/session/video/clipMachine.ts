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
   * How a fit on the CPU is shared between threads; null for one thread. Absent where a machine has no threads.
   * @param threads what the settings say; 0 for what the machine has
   */
  readonly fitBeside?: (threads: number) => FitBeside | null
}

/** A thread beside this one, for a part of a fit. */
export interface FitBeside {
  /** Of ONNX Runtime, for each. */
  readonly threads: number
  readonly openPart: (frames: PartFrames, settings: FastSettings, signal: AbortSignal | undefined) => Promise<FitPart>
}

/** What a run over a clip needs of the machine that it is on. */
export interface ClipMachine extends RunMachine, TrainingPlace, ClipTools {}
