import type { RunEnvironment } from '../session/trainerContract.js'
import type { Emit } from '../session/trainRun.js'
import type { EditResult } from './editResult.js'
import type { ImageJob } from './imageJob.js'
import { renderRun } from './renderRun.js'
import { resumeRun } from './resumeRun.js'
import { startRun } from './startRun.js'

/** Does a job on a photo, in the thread that calls it. */
export async function runImageJob(job: ImageJob, environment: RunEnvironment, emit: Emit): Promise<EditResult> {
  switch (job.kind) {
    case 'image':
      return await startRun(job, environment, emit)
    case 'resume':
      return await resumeRun(job.run, job.options, environment, emit)
    case 'render':
      return await renderRun(job.run, environment, emit)
  }
}
