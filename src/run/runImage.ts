import { Text2LiveError } from '../errors.js'
import type { RunEnvironment } from '../session/trainerContract.js'
import type { Emit } from '../session/trainRun.js'
import { assertNoForce } from './assertNoForce.js'
import type { EditResult } from './editResult.js'
import type { ImageJob, ImageOptions } from './imageJob.js'
import { renderRun } from './renderRun.js'
import { resumeRun } from './resumeRun.js'
import { startRun } from './startRun.js'

/** Does a job in the thread that calls it. */
export async function runImageJob(
  job: ImageJob,
  environment: Omit<RunEnvironment, 'defaultFolder'>,
  emit: Emit,
): Promise<EditResult> {
  return job.kind === 'render'
    ? await renderRun(job.folder, environment, emit)
    : await runImage(job.options, { ...environment, defaultFolder: job.defaultFolder }, emit)
}

/** Starts or continues a run, as the options say. */
export async function runImage(options: ImageOptions, environment: RunEnvironment, emit: Emit): Promise<EditResult> {
  const { resume, ...rest } = options
  if (resume === undefined || resume === null) return await startRun(rest, environment, emit)
  const { photo, mask, prompt, out, force, config, seeds, ...flags } = rest
  const misplaced = Object.entries({ photo, mask, prompt, out, config, seeds }).find(
    ([, value]) => value !== undefined && value !== null,
  )
  if (misplaced !== undefined) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `A run is continued with the ${misplaced[0]} it was started with; leave that out beside --resume, or start a new run.`,
    )
  }
  assertNoForce(force)
  return await resumeRun(resume, flags, environment, emit)
}
