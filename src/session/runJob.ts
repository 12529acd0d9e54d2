import type { Device } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { accessTo } from './guidanceAccess.js'
import { type Job, jobSchema } from './job.js'
import { beginClip, type ClipHost, takeUpClip } from './video/clipJob.js'
import type { ClipTools } from './video/clipMachine.js'
import { isClipRun } from './video/savedClip.js'
import type { EmitVideo } from './video/videoSession.js'
import { trainerIn, type TrainingPlace } from './openTrainer.js'
import { continueRun, firstFiles, keptSettings, noCheckpoint, pictureIn, renderStored } from './savedRun.js'
import { preparePhoto } from './startPhoto.js'
import type { RunControl } from './runControl.js'
import type { RunStore } from './store.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { VideoSettings } from '../options/videoOptions.js'
import { type Emit, type RunMachine, type TrainedRun, trainRun } from './trainRun.js'

/** The runs of a machine. */
export interface Runs {
  make(name: string, contents: Readonly<Record<string, Uint8Array | string>>): Promise<RunStore>
  open(name: string): Promise<RunStore>
  /** Deletes a run that nobody holds. */
  delete?(name: string): Promise<void>
}

/** All that a machine lends to jobs. */
export interface JobMachine extends RunMachine, TrainingPlace {
  readonly runs: Runs
  /** What it has for clips; a machine without takes photos only. */
  readonly forClips?: ClipTools
  /** The device that a run uses; `auto` becomes the fastest that works. @throws DEVICE_UNAVAILABLE */
  device(asked: ImageSettings['device']): Promise<Device>
}

/** What a job leaves, of a photo or a clip. */
export type JobRun = Omit<TrainedRun, 'settings'> & { readonly settings: ImageSettings | VideoSettings }

/**
 * Does a job on this machine, in this thread.
 * @param emit hears the events of a photo's run, `emitClip` those of a clip's
 * @throws OPTION_INVALID for what is no job; and all that the run throws
 */
export async function runJob(
  job: Job,
  machine: JobMachine,
  signal: AbortSignal,
  emit: Emit,
  control?: RunControl,
  emitClip: EmitVideo = () => undefined,
): Promise<JobRun> {
  const parsed = jobSchema.safeParse(job)
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 3)
      .map(({ path, message }) => `${path.join('.') || 'job'}: ${message}`)
      .join('; ')
    throw new Text2LiveError('OPTION_INVALID', `Expected a job of kind image, video, resume or render: ${problems}.`)
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
  if (asked.kind === 'video') return await beginClip(asked, clipHost(machine), signal, emitClip)
  const store = await machine.runs.open(asked.run)
  try {
    if (await isClipRun(store)) return await takeUpClip(asked, store, clipHost(machine), signal, emitClip)
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

/** @throws CLIP_CODEC_MISSING for a machine that takes photos only */
function clipHost(machine: JobMachine): ClipHost {
  const { forClips, codec, memory, models, runs } = machine
  if (forClips === undefined)
    throw new Text2LiveError(
      'CLIP_CODEC_MISSING',
      'This machine edits photos only: it was given nothing to read and write clips with (forClips). Edit the clip with the command line.',
    )
  return {
    ...forClips,
    codec,
    ...(memory === undefined ? {} : { memory }),
    models,
    runs,
    runtime: (settings) => machine.runtime(settings),
    device: (asked) => machine.device(asked),
  }
}
