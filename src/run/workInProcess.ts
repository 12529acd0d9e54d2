import type { EmitAny, QueuedJob } from '../session/queue/queueMachine.js'
import type { RunControl } from '../session/runControl.js'
import type { ClipRunJob, ImageJob } from './imageJob.js'
import { runKind } from './resumeRun.js'
import { askProcess } from './runInProcess.js'

/**
 * Does a job of a queue on a run folder.
 * @param path of the folder
 */
export type WorkOnRun = (
  path: string,
  job: QueuedJob,
  signal: AbortSignal,
  emit: EmitAny,
  control: RunControl,
) => Promise<unknown>

/** @throws as `runInProcess` */
export const workInProcess: WorkOnRun = async (path, job, signal, emit, control) =>
  await askProcess(await jobOn(path, job), signal, emit, control)

/** What a process does for a job of a queue on the run folder `path`. @throws RUN_INVALID */
export async function jobOn(path: string, job: QueuedJob): Promise<ImageJob | ClipRunJob> {
  if (job.kind === 'paint' || (await runKind(path)) === 'video') return { kind: 'clip', folder: path, job }
  return job.kind === 'render'
    ? { kind: 'render', folder: path }
    : { kind: 'edit', options: { ...job.options, resume: path }, defaultFolder: true }
}
