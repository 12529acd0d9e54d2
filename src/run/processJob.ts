import type { JobOf } from '../session/job.js'
import type { RunAsk } from '../session/runControl.js'
import type { AnyRunEvent } from '../session/runHost.js'
import type { SentResult } from './editResult.js'
import type { ImageJob } from './imageJob.js'
import { runKind } from './runKind.js'
import type { ClipJob, VideoJobResult } from './video/videoJob.js'
import type { WorkerFailure } from './workerFailure.js'

/** What is done in a process of its own; runs are called by the paths of their folders. */
export const processKinds = ['image', 'video', 'resume', 'render', 'paint', 'atlas-inspect', 'atlas-render'] as const

export type ProcessJob = JobOf<(typeof processKinds)[number]>

/** A job by what it is done on. @throws RUN_NOT_FOUND, RUN_INVALID */
export async function sortJob(job: ProcessJob): Promise<{ readonly photo: ImageJob } | { readonly clip: ClipJob }> {
  if (job.kind === 'image') return { photo: job }
  if (job.kind !== 'resume' && job.kind !== 'render') return { clip: job }
  return (await runKind(job.run)) === 'video' ? { clip: job } : { photo: job }
}

/** What the process is started with to keep its engine and models from one job to the next. */
export const keepModels = 'keep-models'

/**
 * What the process can be told: a job and the guidance modules that it may name, what is asked of it meanwhile, and when
 * that has ended the next.
 */
export type JobRequest = { readonly job: ProcessJob; readonly modules: readonly string[] } | { readonly ask: RunAsk }

/** What a job leaves, of a photo or a clip. */
export type ProcessResult = SentResult | VideoJobResult

/** What it tells. */
export type JobReply =
  { readonly event: AnyRunEvent } | { readonly result: ProcessResult } | { readonly failure: WorkerFailure }
