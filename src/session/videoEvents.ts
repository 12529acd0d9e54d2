import type { LayerName } from '../atlas/layeredAtlas.js'
import type { ErrorCode } from '../errors.js'
import type { VideoSettings } from '../options/videoOptions.js'
import type { StepEvent } from './events.js'
import type { TrainerNotice } from './trainerContract.js'

/** The stages of a run, in order. `training` comes once for each layer. */
export const stageNames = ['clip', 'flow', 'masks', 'atlas', 'training', 'rendering', 'metrics'] as const

/** Name of a stage of a clip's run. */
export type StageName = (typeof stageNames)[number]

/**
 * What a run over a clip tells while it lasts, in this order: the stage `clip`, notes, `run-start`, then the other
 * stages, each with `stage-start`, its `progress` (or `step`, `preview`, `checkpoint`, `output`) and `stage-done`, and
 * `paused`, `going-on` and `steps` as somebody asks for them; one
 * of `done`, `interrupted`, `error` last. A run that goes on, or is rendered again, tells of the clip its `progress`
 * alone. Plain JSON but for the bytes of a preview.
 */
export type VideoEvent =
  | VideoStartEvent
  | TrainerNotice
  | { readonly type: 'stage-start'; readonly stage: StageName; readonly layer?: LayerName }
  | ProgressEvent
  | VideoStepEvent
  | StageDoneEvent
  | {
      readonly type: 'resumed'
      readonly stage: StageName
      readonly layer?: LayerName
      readonly done: number
      readonly total: number
    }
  /**
   * Somebody holds the run, after this step of a layer's training or where else `stage` can wait, or before it;
   * `going-on` when he lets it go.
   */
  | {
      readonly type: 'paused' | 'going-on'
      readonly stage: StageName
      readonly layer?: LayerName
      readonly step?: number
    }
  /** The training of each layer ends at another step than was planned. */
  | { readonly type: 'steps'; readonly steps: number }
  | {
      readonly type: 'preview'
      readonly layer: LayerName
      readonly step: number
      readonly path: string
      readonly png: Uint8Array
    }
  | {
      readonly type: 'checkpoint'
      readonly stage: StageName
      readonly layer?: LayerName
      readonly step?: number
      readonly path: string
      readonly bytes: number
    }
  | { readonly type: 'output'; readonly name: string; readonly path: string }
  | { readonly type: 'done'; readonly seconds: number; readonly folder: string; readonly already?: true }
  | VideoInterruptedEvent
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string }

export interface VideoStartEvent {
  readonly type: 'run-start'
  /** Complete: what config.yaml holds. */
  readonly settings: VideoSettings
  readonly folder: string
  /** As it was given: px, frames, seconds. */
  readonly clip: { readonly width: number; readonly height: number; readonly frames: number; readonly seconds: number }
  /** Size of the frames that the atlas is fitted to, px. */
  readonly frame: { readonly width: number; readonly height: number }
}

export interface ProgressEvent {
  readonly type: 'progress'
  readonly stage: StageName
  /** Of `total`: frames, pairs of frames or steps, as the stage counts. */
  readonly done: number
  readonly total: number
  readonly secondsLeft: number | null
  /** What the stage says of itself, for instance the losses of a fit. */
  readonly detail?: Readonly<Record<string, number>>
}

export interface VideoStepEvent extends StepEvent {
  readonly layer: LayerName
}

export interface StageDoneEvent {
  readonly type: 'stage-done'
  readonly stage: StageName
  readonly layer?: LayerName
  /** Of this process; a stage that was resumed has one such event for each part (`stopped` where it did not end). */
  readonly seconds: number
  /** Highest resident memory of the process meanwhile, bytes; absent in a browser, which does not tell. */
  readonly peakMemory?: number
  readonly stopped?: true
}

export interface VideoInterruptedEvent {
  readonly type: 'interrupted'
  readonly stage: StageName
  readonly seconds: number
  /** The folder to give to `--resume`. */
  readonly folder: string
}
