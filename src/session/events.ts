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

/**
 * What a run tells while it lasts, in this order: notes, `run-start`, then `resumed`, `model-loading`,
 * `model-download`, `compile`, `step`, `preview` and `checkpoint` as they come, each `output`, and one of `done`,
 * `interrupted`, `error` last. With several seeds the whole repeats for each `variation`. Every event is plain JSON but
 * for the bytes of a preview. Paths are as given; seconds count from the start.
 */
export type RunEvent =
  | RunStartEvent
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
  /** Somebody holds the run after this step; `going-on` when he lets it go. */
  | { readonly type: 'paused' | 'going-on'; readonly step: number }
  /** The run ends at another step than was planned. */
  | { readonly type: 'steps'; readonly steps: number }
  /**
   * From the next step on another mask bounds the edit, or none where it is not `masked`. `file` is what the run calls
   * its copy; null where there is none.
   */
  | { readonly type: 'mask'; readonly step: number; readonly masked: boolean; readonly file?: string | null }
  | { readonly type: 'preview'; readonly step: number; readonly path?: string; readonly png: Uint8Array }
  | { readonly type: 'checkpoint'; readonly step: number; readonly path: string; readonly bytes: number }
  | { readonly type: 'output'; readonly name: string; readonly path?: string; readonly bytes: number }
  | DoneEvent
  | InterruptedEvent
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string }

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
