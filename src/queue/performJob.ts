import type { GivenOptions } from '../options/imageOptions.js'
import { imageJobOf } from '../run/imageJob.js'
import { askProcess } from '../run/runInProcess.js'
import { videoJobOf } from '../run/video/videoJob.js'
import type { JobOf } from '../session/job.js'
import type { AnyRunEvent } from '../session/runHost.js'
import type { JobPayload, WorkDevice } from './protocol.js'

/** A job as a worker does it: all files are on this machine. */
export interface LocalJob {
  readonly payload: JobPayload
  /** Where its inputs lie, by the name of the option. */
  readonly inputs: Readonly<Record<string, string>>
  /** The run folder: to be made, or where `resumed` to be gone on with. */
  readonly folder: string
  readonly resumed: boolean
  readonly device: WorkDevice
}

/**
 * Does a job up to its end, or after `signal` aborted up to the end of the step at hand; what is reached is in the run
 * folder then.
 * @returns whether it was finished
 * @throws all that a run throws
 */
export type PerformJob = (job: LocalJob, signal: AbortSignal, emit: (event: AnyRunEvent) => void) => Promise<boolean>

/** Real edits, each in a process of its own: this one stays free to renew locks and to upload, and outlives its end. */
export const performJob: PerformJob = async (job, signal, emit) => {
  const { finished } = await askProcess(askedFor(job), signal, emit)
  return finished
}

/** What the process is asked to do: to begin the run of a job, or to go on with it. */
function askedFor({
  payload: { kind, options },
  inputs,
  folder,
  resumed,
  device,
}: LocalJob): JobOf<'image' | 'video' | 'resume'> {
  if (resumed) {
    // The models are named again, since who started this worker lets it fetch them.
    const { guidance } = options as GivenOptions
    return { kind: 'resume', run: folder, options: { device, ...(guidance === undefined ? {} : { guidance }) } }
  }
  const begun = { ...options, ...inputs, device, out: folder }
  return kind === 'photo' ? imageJobOf(begun, true) : videoJobOf(begun, 'edit')
}
