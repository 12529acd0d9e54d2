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
}

/** What a run over a clip needs of the machine that it is on. */
export interface ClipMachine extends RunMachine, TrainingPlace, ClipTools {}
