import type { Job, JobOf } from '../session/job.js'
import type { RunAsk } from '../session/runControl.js'
import type { AnyRunEvent } from '../session/runHost.js'
import type { ScoreReport } from '../session/scorePhoto.js'
import type { SentResult } from './editResult.js'
import type { ImageJob } from './imageJob.js'
import type { FloatImage } from '../media/image.js'
import { runKind } from './runKind.js'
import type { ClipJob, VideoJobResult } from './video/videoJob.js'
import type { WorkerFailure } from './workerFailure.js'

/** A job that makes or changes no run. */
type LookJob = JobOf<'score' | 'relevancy'>

/** A job by what it is done on. @throws RUN_NOT_FOUND, RUN_INVALID */
export async function sortJob(
  job: Job,
): Promise<{ readonly photo: ImageJob } | { readonly clip: ClipJob } | { readonly look: LookJob }> {
  if (job.kind === 'score' || job.kind === 'relevancy') return { look: job }
  if (job.kind === 'image') return { photo: job }
  if (job.kind !== 'resume' && job.kind !== 'render') return { clip: job }
  return (await runKind(job.run)) === 'video' ? { clip: job } : { photo: job }
}

/** What the process is started with to keep its engine and models from one job to the next. */
export const keepModels = 'keep-models'

/**
 * What the process can be told: a job and the guidance modules that it may name, what is asked of it meanwhile, and
 * when that has ended the next.
 */
export type JobRequest = { readonly job: Job; readonly modules: readonly string[] } | { readonly ask: RunAsk }

/** A map of `mapRelevancy` as it crosses processes: at the size that it was made for, with that of the photo. */
export interface SentRelevancy {
  readonly planes: FloatImage
  readonly width: number
  readonly height: number
  readonly files: { readonly heat: Uint8Array; readonly map: Uint8Array }
  readonly share: number
  readonly notes: readonly string[]
}

/** What a job leaves, by its kind; of a run, what that is one of a photo or a clip leaves. */
export type ProcessResult<Kind extends Job['kind'] = Job['kind']> = Kind extends 'score'
  ? ScoreReport[]
  : Kind extends 'relevancy'
    ? SentRelevancy
    : Kind extends 'image'
      ? SentResult
      : Kind extends 'resume' | 'render'
        ? SentResult | VideoJobResult
        : VideoJobResult

/** What it tells. */
export type JobReply =
  { readonly event: AnyRunEvent } | { readonly result: ProcessResult } | { readonly failure: WorkerFailure }
