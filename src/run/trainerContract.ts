import type { FloatImage } from '../media/image.js'
import type { ImageSettings } from '../options/imageOptions.js'

/** The texts of a run, each a list of wordings. `region` is empty when the bootstrap loss is off. */
export type Texts = Pick<ImageSettings, 'prompt' | 'screen' | 'source' | 'region'>

/** What the trainer needs besides a runtime and a guidance model; plain data, it crosses to the training worker. */
export interface TrainerInput {
  /** RGB at training size, [0, 1]. */
  readonly photo: FloatImage
  /** One channel at training size: the edit stays where it is 1. */
  readonly mask?: FloatImage
  readonly settings: ImageSettings
  readonly texts: Texts
  /** Continue from here, bit for bit. */
  readonly state?: TrainerState
}

/** Parameters and optimizer state by name, and the number of steps done. The random draws depend on seed and step alone. */
export interface TrainerState {
  readonly step: number
  readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>
}

/** What one step says of itself. */
export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number
  /** Each loss by name, unweighted, and `total`. */
  readonly losses: Readonly<Record<string, number>>
  /** The learning rate this step was made with. */
  readonly learningRate: number
}

export interface Trainer {
  /** Steps done. */
  readonly step: number
  readonly steps: number
  /** The device the steps run on. */
  readonly device: string
  train(): Promise<StepReport>
  /** The edit layer of the whole photo at training size: RGBA, straight alpha. The caller owns the data. */
  layer(): Promise<FloatImage>
  /** Copies: the caller owns the data. */
  state(): Promise<TrainerState>
  dispose(): Promise<void>
}

/** What happens while a trainer is made or runs, besides its steps. */
export type TrainerNotice =
  | { readonly type: 'model-loading'; readonly guidance: string }
  | { readonly type: 'compile'; readonly width: number; readonly height: number; readonly seconds: number }
  | { readonly type: 'note' | 'warning'; readonly message: string }

/**
 * Makes the trainer of a run: in a worker thread for the command and the library, in place for a test.
 * @throws PROMPT_TOO_LONG, GUIDANCE_NOT_FOUND, GUIDANCE_INVALID, DEVICE_UNAVAILABLE; INTERRUPTED when `signal` aborts
 */
export type OpenTrainer = (input: TrainerInput, notice: (notice: TrainerNotice) => void, signal: AbortSignal) => Promise<Trainer>

/** What a run needs from outside: where training happens, and when to stop. */
export interface RunEnvironment {
  readonly open: OpenTrainer
  readonly signal: AbortSignal
  /** Make runs/<photo>-<n> when no folder is given; otherwise such a run stays in memory. */
  readonly defaultFolder: boolean
}
