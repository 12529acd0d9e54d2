import type { QueuedJob } from '../session/queue/queueMachine.js'
import type { RunControl } from '../session/runControl.js'
import type { Emit } from '../session/trainRun.js'
import { imageJobOf } from './imageJob.js'
import { runInProcess } from './runInProcess.js'

/**
 * Does a job of a queue on a run folder.
 * @param path of the folder
 */
export type WorkOnRun = (
  path: string,
  job: QueuedJob,
  signal: AbortSignal,
  emit: Emit,
  control: RunControl,
) => Promise<unknown>

/** @throws as `runInProcess` */
export const workInProcess: WorkOnRun = (path, job, signal, emit, control) =>
  runInProcess(imageJobOf(path, job), signal, emit, control)
