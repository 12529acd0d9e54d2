import type { Device } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { accessTo } from './guidanceAccess.js'
import { type Job, jobSchema } from './job.js'
import { trainerIn, type TrainingPlace } from './openTrainer.js'
import { continueRun, firstFiles, keptSettings, noCheckpoint, pictureIn, renderStored } from './savedRun.js'
import { preparePhoto } from './startPhoto.js'
import type { RunControl } from './runControl.js'
import type { RunStore } from './store.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { type Emit, type RunMachine, type TrainedRun, trainRun } from './trainRun.js'

/** The runs of a machine. */
export interface Runs {
  make(name: string, contents: Readonly<Record<string, Uint8Array | string>>): Promise<RunStore>
  open(name: string): Promise<RunStore>
}

/** All that a machine lends to jobs. */
export interface JobMachine extends RunMachine, TrainingPlace {
  readonly runs: Runs
  /** The device that a run uses; `auto` becomes the fastest that works. @throws DEVICE_UNAVAILABLE */
  device(asked: ImageSettings['device']): Promise<Device>
}

/**
 * Does a job on this machine, in this thread.
 * @throws OPTION_INVALID for what is no job; and all that the run throws
 */
export async function runJob(
  job: Job,
  machine: JobMachine,
  signal: AbortSignal,
  emit: Emit,
  control?: RunControl,
): Promise<TrainedRun> {
  const parsed = jobSchema.safeParse(job)
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 3)
      .map(({ path, message }) => `${path.join('.') || 'job'}: ${message}`)
      .join('; ')
    throw new Text2LiveError('OPTION_INVALID', `Expected a job of kind image, resume or render: ${problems}.`)
  }
  const open = trainerIn(machine)
  const asked = parsed.data
  if (asked.kind === 'image') {
    const { settings, input } = await preparePhoto(
      { layers: [asked.options], photo: asked.photo, mask: asked.mask },
      machine.codec,
      emit,
    )
    const device = await machine.device(settings.device)
    if (device !== settings.device) emit({ type: 'note', message: `device: ${device}, the fastest that works here` })
    const kept = keptSettings(settings, input, device)
    const { run } = asked
    const store = async (): Promise<RunStore | null> =>
      run === null ? null : await machine.runs.make(run, firstFiles(kept, input, 1))
    return await trainRun(
      {
        settings: kept,
        input,
        access: accessTo(settings.guidance),
        open,
        signal,
        start: null,
        store,
        machine,
        control,
      },
      emit,
    )
  }
  const store = await machine.runs.open(asked.run)
  try {
    const access = { store, machine, find: pictureIn(store) }
    if (asked.kind === 'render') {
      const rendered = await renderStored(access, { open, signal }, emit)
      if (rendered === null) throw noCheckpoint(store.path)
      return rendered
    }
    const named = asked.options.guidance as readonly string[] | undefined
    return await continueRun(
      access,
      asked.options,
      { open, signal, control },
      emit,
      named === undefined ? undefined : accessTo(named),
    )
  } finally {
    store.release()
  }
}
