import type { ErrorCode } from '../errors.js'
import type { AnyRunEvent } from '../session/runHost.js'
import type { BatchJob } from './batchJob.js'

/** How many jobs stand how. */
export interface BatchCounts {
  readonly total: number
  readonly finished: number
  readonly failed: number
  /** Neither: they wait, were stopped, or are at work. */
  readonly left: number
}

/**
 * What a batch tells while it lasts: `batch-start`, then of each job `job-start`, its run's events as `job-event`, and
 * one of `job-done`, `job-failed`, `job-stopped`; `batch-progress` after each, and `batch-done` or `batch-stopped`
 * last. Plain JSON but for the bytes of previews.
 */
export type BatchEvent =
  | (BatchCounts & { readonly type: 'batch-start'; readonly out: string })
  | {
      readonly type: 'job-start'
      readonly job: string
      readonly kind: BatchJob['kind']
      readonly input: string
      /** Of the list, from 1. */
      readonly place: number
      readonly total: number
      /** It goes on from its checkpoint. */
      readonly resumed: boolean
    }
  | { readonly type: 'job-event'; readonly job: string; readonly event: AnyRunEvent }
  | { readonly type: 'job-done'; readonly job: string; readonly seconds: number }
  | { readonly type: 'job-failed'; readonly job: string; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'job-stopped'; readonly job: string }
  /** Another process is at work on it; the batch comes back to it. */
  | { readonly type: 'job-held'; readonly job: string; readonly holder: string }
  | (BatchCounts & {
      readonly type: 'batch-progress'
      /** Estimated from the jobs that were finished; null before the first. */
      readonly secondsLeft: number | null
    })
  | { readonly type: 'report'; readonly path: string }
  | (BatchCounts & { readonly type: 'batch-done' | 'batch-stopped'; readonly seconds: number })
