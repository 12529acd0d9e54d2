import type { LayerName } from '../atlas/layeredAtlas.js'
import type { VideoSettings } from '../options/videoOptions.js'
import type { ProgressEvent, SessionEvent, StepEvent } from './events.js'
import type { TrainerNotice } from './trainerContract.js'

/** The stages of a run, in order. `training` comes once for each layer. */
export const stageNames = ['clip', 'flow', 'masks', 'atlas', 'training', 'rendering', 'metrics'] as const

/** Name of a stage of a clip's run. */
export type StageName = (typeof stageNames)[number]

/** Is it a stage of a clip's run; a photo's has some of the same names. */
export const isClipStage = (stage: string): stage is StageName => (stageNames as readonly string[]).includes(stage)

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
  | SessionEvent<StageName>
  | ProgressEvent<StageName>
  | VideoStepEvent
  | {
      readonly type: 'resumed'
      readonly stage: StageName
      readonly layer?: LayerName
      readonly done: number
      readonly total: number
    }
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

export interface VideoStepEvent extends StepEvent {
  readonly layer: LayerName
}

export interface VideoInterruptedEvent {
  readonly type: 'interrupted'
  readonly stage: StageName
  readonly seconds: number
  /** The folder to give to `--resume`. */
  readonly folder: string
}
