import type { RunEvent } from '../session/events.js'
import type { QueuedJob } from '../session/queue/queueMachine.js'
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

/** What the process can be told: first the job, then what its control says. */
export type JobRequest =
  { readonly job: ImageJob } | { readonly stop: true } | { readonly held: boolean; readonly steps: number | null }

/** What it tells. */
export type JobReply =
  { readonly event: RunEvent } | { readonly result: SentResult } | { readonly failure: WorkerFailure }

/** The job of a queue on the run folder `path`. */
export const imageJobOf = (path: string, job: QueuedJob): ImageJob =>
  job.kind === 'render'
    ? { kind: 'render', folder: path }
    : { kind: 'edit', options: { ...job.options, resume: path }, defaultFolder: true }
