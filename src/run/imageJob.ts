import type { GivenVideoOptions } from '../options/videoOptions.js'
import type { QueuedJob } from '../session/queue/queueMachine.js'
import type { RunAsk } from '../session/runControl.js'
import type { AnyRunEvent } from '../session/runHost.js'
import type { SentResult } from './editResult.js'
import type { StartOptions } from './startRun.js'
import type { WorkerFailure } from './workerFailure.js'

/** Options of a run that begins or goes on. */
export interface ImageOptions extends StartOptions {
  /**
   * A run folder to continue; then only steps, device, threads and previewEvery may be given besides; guidance, to name
   * again a model that is to be fetched.
   */
  readonly resume?: string | null | undefined
}

/** What is done for a photo, in a process of its own: a run that begins or goes on, or its outputs once more. */
export type ImageJob =
  | {
      readonly kind: 'edit'
      readonly options: ImageOptions
      /** Make runs/<photo>-<n> when no folder is given; otherwise such a run stays in memory. */
      readonly defaultFolder: boolean
    }
  | { readonly kind: 'render'; readonly folder: string }

/** What such a process does besides: a job of a queue on the run folder of a clip. */
export interface ClipRunJob {
  readonly kind: 'clip'
  readonly folder: string
  readonly job: QueuedJob
}

/** And a new run over a clip. */
export interface NewClipJob {
  readonly kind: 'new-clip'
  readonly options: GivenVideoOptions
}

export type ProcessJob = ImageJob | ClipRunJob | NewClipJob

/** What the process is started with to keep its engine and models from one job to the next. */
export const keepModels = 'keep-models'

/**
 * What the process can be told: a job and the guidance modules that it may name, what is asked of it meanwhile, and when
 * that has ended the next.
 */
export type JobRequest = { readonly job: ProcessJob; readonly modules: readonly string[] } | { readonly ask: RunAsk }

/** What it tells. */
export type JobReply =
  | { readonly event: AnyRunEvent }
  | { readonly result: SentResult }
  /** Of a clip nothing but its files is left. */
  | { readonly done: true }
  | { readonly failure: WorkerFailure }
