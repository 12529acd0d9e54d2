import type { EmitAny, QueuedJob } from '../session/queue/queueMachine.js'
import type { RunControl } from '../session/runControl.js'
import type { OpenTrainer } from '../session/trainerContract.js'
import { renderRun } from './renderRun.js'
import { resumeRun, runKind } from './resumeRun.js'
import { type ClipTraining, workOnClip } from './video/workOnClip.js'

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

/**
 * Jobs done in this process.
 * @param open makes the trainer of a photo
 * @param clips trains clips; default: as the command does
 */
export const workOnRun =
  (open: OpenTrainer, clips?: ClipTraining): WorkOnRun =>
  async (path, job, signal, emit, control) => {
    if (job.kind === 'paint' || (await runKind(path)) === 'video')
      return await workOnClip(path, job, signal, emit, clips)
    const environment = { open, signal, control, defaultFolder: true }
    return job.kind === 'render'
      ? await renderRun(path, environment, emit)
      : await resumeRun(path, job.options, environment, emit)
  }
