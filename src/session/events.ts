import type { LayerName } from '../atlas/layeredAtlas.js'
import type { ErrorCode } from '../errors.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { printableJson } from '../printable.js'
import type { TrainerNotice } from './trainerContract.js'

/** The files a run folder holds at its end, by the name they have in results. */
export const outputFiles = {
  composite: 'composite.png',
  edit: 'edit.png',
  alpha: 'alpha.png',
  editOnGreenscreen: 'edit-on-greenscreen.png',
  layersPsd: 'layers.psd',
  layersOra: 'layers.ora',
  losses: 'losses.svg',
} as const

/** Name of an output of a photo's run. */
export type OutputName = keyof typeof outputFiles

/** The stages of a photo's run, in order: it is read; models, texts and region are made ready; trained; written. */
export const photoStages = ['photo', 'preparation', 'training', 'rendering'] as const

/** Name of a stage of a photo's run. */
export type PhotoStage = (typeof photoStages)[number]

/** What every run tells, of a photo or a clip: its stages, and what somebody who steers it has made of it. */
export type SessionEvent<Stage extends string> =
  | StageStartEvent<Stage>
  | StageDoneEvent<Stage>
  | HeldEvent<Stage>
  /** The training, of a clip that of each layer, ends at another step than was planned. */
  | { readonly type: 'steps'; readonly steps: number }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string }

/** A stage begins. */
export interface StageStartEvent<Stage extends string> {
  readonly type: 'stage-start'
  readonly stage: Stage
  readonly layer?: LayerName
}

/** How far a stage of a clip's run is. */
export interface ProgressEvent<Stage extends string> {
  readonly type: 'progress'
  readonly stage: Stage
  /** Of `total`: frames, pairs of frames or steps, as the stage counts. */
  readonly done: number
  readonly total: number
  readonly secondsLeft: number | null
  /** What the stage says of itself, for instance the losses of a fit. */
  readonly detail?: Readonly<Record<string, number>>
}

/** A stage ends. */
export interface StageDoneEvent<Stage extends string> {
  readonly type: 'stage-done'
  readonly stage: Stage
  readonly layer?: LayerName
  /** Of this process; a stage that was resumed has one such event for each part (`stopped` where it did not end). */
  readonly seconds: number
  /** Highest resident memory of the process meanwhile, bytes; absent in a browser, which does not tell. */
  readonly peakMemory?: number
  readonly stopped?: true
}

/**
 * Somebody holds the run, after this step of a training or where else `stage` can wait, or before it; `going-on` when
 * he lets it go.
 */
export interface HeldEvent<Stage extends string> {
  readonly type: 'paused' | 'going-on'
  readonly stage: Stage
  readonly layer?: LayerName
  readonly step?: number
}

/**
 * What a run tells while it lasts, in this order: the stage `photo`, notes, the stage `preparation` with
 * `model-loading`, `model-download` and `phase`, `run-start`, then `resumed`, the stages `training` and `rendering`,
 * with `compile`, `step`, `preview`, `checkpoint` and each `output` as they come, and one of `done`, `interrupted`,
 * `error` last. Of several seeds each `variation` tells all but the stage `photo`, and a run that goes on too. Every
 * event is plain JSON but for the bytes of a preview. Paths are as given; seconds count from the start.
 */
export type RunEvent =
  | RunStartEvent
  | SessionEvent<PhotoStage>
  | TrainerNotice
  | StepEvent
  | {
      readonly type: 'variation'
      readonly index: number
      readonly count: number
      readonly seed: number
      readonly folder?: string
    }
  | { readonly type: 'resumed'; readonly step: number; readonly steps: number }
  /**
   * From the next step on another mask bounds the edit, or none where it is not `masked`. `file` is what the run calls
   * its copy; null where there is none.
   */
  | { readonly type: 'mask'; readonly step: number; readonly masked: boolean; readonly file?: string | null }
  | PreviewEvent
  | CheckpointEvent
  | { readonly type: 'output'; readonly name: string; readonly path?: string; readonly bytes: number }
  | DoneEvent
  | InterruptedEvent

export interface RunStartEvent {
  readonly type: 'run-start'
  /** Complete: what config.yaml holds. */
  readonly settings: ImageSettings
  readonly folder?: string
  /** px */
  readonly photo: { readonly width: number; readonly height: number }
  readonly training: { readonly width: number; readonly height: number }
}

/** A training step is done. */
export interface StepEvent {
  readonly type: 'step'
  /** Steps done, this one included. */
  readonly step: number
  readonly steps: number
  /** Each loss by name, unweighted, and `total`. */
  readonly losses: Readonly<Record<string, number>>
  readonly learningRate: number
  /** Of this step. */
  readonly seconds: number
  /** Estimated from the last steps. */
  readonly secondsLeft: number
  /**
   * Resident memory of the process that the run is in, bytes; absent in a browser, which does not tell.
   */
  readonly memory?: number
  readonly device: string
}

/** A picture of the edit so far was made. */
export interface PreviewEvent {
  readonly type: 'preview'
  readonly step: number
  readonly path?: string
  readonly png: Uint8Array
}

/** The state of a training was written. */
export interface CheckpointEvent {
  readonly type: 'checkpoint'
  readonly step: number
  readonly path: string
  readonly bytes: number
}

export interface DoneEvent {
  readonly type: 'done'
  readonly step: number
  readonly steps: number
  readonly seconds: number
  readonly folder?: string
  /** The run had finished before; nothing was trained. */
  readonly already?: true
}

export interface InterruptedEvent {
  readonly type: 'interrupted'
  readonly step: number
  readonly steps: number
  readonly seconds: number
  /** The folder to give to `--resume`. */
  readonly folder?: string
}

/**
 * One line of events.ndjson and of `--json`: the event without the bytes of a preview; control characters from names
 * and files as escapes.
 */
export function eventLine(event: object): string {
  return `${printableJson(event, (key, value) => (key === 'png' ? undefined : value))}\n`
}
