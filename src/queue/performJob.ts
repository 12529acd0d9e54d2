import { basename } from 'node:path'
import type { GivenOptions } from '../options/imageOptions.js'
import type { GivenVideoOptions } from '../options/videoOptions.js'
import type { ImageOptions } from '../run/imageJob.js'
import { askProcess, runInProcess } from '../run/runInProcess.js'
import { runInVideoWorker } from '../run/video/runInVideoWorker.js'
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

/** Real edits, each in a process of its own: this one stays free to renew locks and to upload. */
export const performJob: PerformJob = async (job, signal, emit) =>
  job.payload.kind === 'photo' ? await editPhoto(job, signal, emit) : await editClip(job, signal, emit)

async function editPhoto(job: LocalJob, signal: AbortSignal, emit: (event: AnyRunEvent) => void): Promise<boolean> {
  const options: ImageOptions = job.resumed
    ? { resume: job.folder, ...onThisMachine(job) }
    : { ...(job.payload.options as GivenOptions), ...job.inputs, device: job.device, out: job.folder }
  const { finished } = await runInProcess({ kind: 'edit', options, defaultFolder: false }, signal, emit)
  return finished
}

async function editClip(job: LocalJob, signal: AbortSignal, emit: (event: AnyRunEvent) => void): Promise<boolean> {
  if (!job.resumed) {
    const options = {
      ...(job.payload.options as GivenVideoOptions),
      ...job.inputs,
      device: job.device,
      out: job.folder,
    }
    return (await runInVideoWorker({ kind: 'start', options, goal: 'edit' }, signal, emit)).finished
  }
  let done = false
  await askProcess(
    {
      kind: 'clip',
      folder: job.folder,
      job: { kind: 'resume', run: basename(job.folder), options: onThisMachine(job) },
    },
    signal,
    (event) => {
      done ||= event.type === 'done'
      emit(event)
    },
  )
  return done
}

/** The models are named again, since who started this worker lets it fetch them. */
function onThisMachine({ payload, device }: LocalJob): { device: WorkDevice; guidance?: string[] } {
  const { guidance } = payload.options as { guidance?: string[] }
  return { device, ...(guidance === undefined ? {} : { guidance }) }
}
