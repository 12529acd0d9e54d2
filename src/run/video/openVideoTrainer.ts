import type { LayeredAtlas, LayerName } from '../../atlas/layeredAtlas.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { FloatImage } from '../../media/image.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import type { Trainer, TrainerNotice, TrainerState } from '../trainerContract.js'

/** What the trainer of one layer needs besides a runtime and a guidance model. */
export interface VideoTrainerInput {
  readonly settings: VideoSettings
  readonly atlas: LayeredAtlas
  readonly frames: ClipFrames
  /** Of the first frame: the edit stays on what is white there. */
  readonly mask: FloatImage | null
  readonly layer: LayerName
  readonly state: TrainerState | null
}

/** Trains the edit of one layer of a clip. */
export interface VideoTrainer extends Omit<Trainer, 'layer'> {
  /** The edit of the whole layer: RGBA, straight alpha, at the size of its atlas image. */
  edit(): Promise<FloatImage>
}

/** Makes a trainer in the thread that calls it. @throws PROMPT_TOO_LONG, GUIDANCE_*, MODEL_*, DEVICE_UNAVAILABLE, ATLAS_*; INTERRUPTED */
export type OpenVideoTrainer = (input: VideoTrainerInput, notice: (notice: TrainerNotice) => void, signal: AbortSignal) => Promise<VideoTrainer>
