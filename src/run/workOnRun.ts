import type { QueuedJob } from '../session/queue/queueMachine.js'
import type { RunControl } from '../session/runControl.js'
import type { OpenTrainer } from '../session/trainerContract.js'
import type { Emit } from '../session/trainRun.js'
import { renderRun } from './renderRun.js'
import { resumeRun } from './resumeRun.js'

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

/** Jobs done in this process. @param open makes the trainer */
export const workOnRun =
  (open: OpenTrainer): WorkOnRun =>
  async (path, job, signal, emit, control) => {
    const environment = { open, signal, control, defaultFolder: true }
    return job.kind === 'render'
      ? await renderRun(path, environment, emit)
      : await resumeRun(path, job.options, environment, emit)
  }
