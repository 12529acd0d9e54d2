import type { Device } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { accessTo } from './guidanceAccess.js'
import { type JobOf, readJob } from './job.js'
import { type LocatedPhoto, locatePhoto } from './locatePhoto.js'
import { beginClip, type ClipHost, takeUpClip } from './video/clipJob.js'
import type { ClipTools } from './video/clipMachine.js'
import { isClipRun } from './video/savedClip.js'
import type { EmitVideo } from './video/clipSession.js'
import { trainerIn, type TrainingPlace } from './openTrainer.js'
import {
  continueRun,
  firstFiles,
  keptSettings,
  noCheckpoint,
  pictureIn,
  readRunSettings,
  renderStored,
  type SavedRunAccess,
} from './savedRun.js'
import { openJudge, refuseClip, scorePhoto, type ScoreReport } from './scorePhoto.js'
import { preparePhoto } from './startPhoto.js'
import { runStem } from './queue/runName.js'
import type { RunControl } from './runControl.js'
import { remembering } from './stages.js'
import type { RunStore } from './store.js'
import { assertOverByName, type Below, type LookedAt, orNone, presentLayers, takeLayers } from './takeLayers.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { VideoSettings } from '../options/videoOptions.js'
import type { RunMachine } from './runMachine.js'
import { type Emit, type TrainedRun, trainRun } from './trainRun.js'

/** The runs of a machine. */
export interface Runs {
  /** Makes a run with these files, and holds it. @throws DISK_FULL, OUTPUT_NOT_WRITABLE */
  make(name: string, contents: Readonly<Record<string, Uint8Array | string>>): Promise<RunStore>
  /** Holds a run. @throws RUN_NOT_FOUND, RUN_LOCKED */
  open(name: string): Promise<RunStore>
  /** The files of a run as they are now, whoever holds and writes it. @throws RUN_NOT_FOUND */
  look(name: string): Promise<LookedAt>
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

/** What is done on any machine: an atlas by its path is for one that has files. */
const hostKinds = ['image', 'video', 'resume', 'render', 'score', 'paint', 'relevancy'] as const

/** A job of such a kind. */
export type HostJob = JobOf<(typeof hostKinds)[number]>

/** What a job leaves, of a photo or a clip. */
export type JobRun = Omit<TrainedRun, 'settings'> & { readonly settings: ImageSettings | VideoSettings }

/** What a job leaves, by its kind. */
export type JobOutcome<Kind extends HostJob['kind'] = HostJob['kind']> = Kind extends 'relevancy'
  ? LocatedPhoto
  : Kind extends 'score'
    ? ScoreReport
    : Kind extends 'image'
      ? TrainedRun
      : JobRun

/**
 * Does a job on this machine, in this thread.
 * @param emit hears the events of a photo's run, `emitClip` those of a clip's
 * @throws OPTION_INVALID for what is no job; and all that the run throws
 */
export async function runJob<Asked extends HostJob>(
  job: Asked,
  machine: JobMachine,
  signal: AbortSignal,
  emit: Emit,
  control?: RunControl,
  emitClip: EmitVideo = () => undefined,
): Promise<JobOutcome<Asked['kind']>> {
  const read = readJob(job, hostKinds)
  try {
    // The kind of what is read is that of what was asked.
    return (await work(read, machine, signal, emit, control, emitClip)) as JobOutcome<Asked['kind']>
  } catch (error) {
    machine.warm?.releaseAfter(error)
    throw error
  }
}

async function work(
  job: HostJob,
  machine: JobMachine,
  signal: AbortSignal,
  emit: Emit,
  control: RunControl | undefined,
  emitClip: EmitVideo,
): Promise<JobOutcome> {
  switch (job.kind) {
    case 'relevancy':
      return await locatePhoto({ ...job, ...(await standingOn(job, machine)) }, machine, { notice: emit, signal })
    case 'image':
      return await beginImage(job, machine, signal, emit, control)
    case 'video':
      return await beginClip(job, clipHost(machine), signal, emitClip, control)
    case 'score':
      return await score(job, machine, signal)
    default:
      return await takeUp(job, machine, signal, emit, control, emitClip)
  }
}

async function beginImage(
  job: JobOf<'image'>,
  machine: JobMachine,
  signal: AbortSignal,
  emit: Emit,
  control: RunControl | undefined,
): Promise<TrainedRun> {
  const { options, photo, mask, run } = job
  const early = remembering(emit)
  const { settings, input } = await preparePhoto(
    { layers: [options], photo, mask, ...(await standingOn(job, machine)) },
    machine,
    early.emit,
  )
  const device = await machine.device(settings.device)
  if (device !== settings.device)
    early.emit({ type: 'note', message: `device: ${device}, the fastest that works here` })
  const kept = keptSettings(settings, input, device)
  const store = async (): Promise<RunStore | null> =>
    run === null ? null : await machine.runs.make(run ?? runStem(input.name), firstFiles(kept, input, 1))
  return await trainRun(
    {
      settings: kept,
      input,
      access: accessTo(settings.guidance),
      open: trainerIn(machine),
      signal,
      start: null,
      store,
      machine,
      early: early.events,
      control,
    },
    emit,
  )
}

/** The layers of the runs that a job names. @throws OPTION_INVALID where its options name some by path */
async function standingOn(
  { options, over = [] }: Pick<JobOf<'image' | 'relevancy'>, 'options' | 'over'>,
  { runs }: JobMachine,
): Promise<{ readonly below?: Below }> {
  assertOverByName(options)
  return over.length === 0 ? {} : { below: await takeLayers(over, (name) => runs.look(name)) }
}

/** Scores a run as it is now, whoever holds it. */
async function score(
  { run, options, mask = null }: JobOf<'score'>,
  machine: JobMachine,
  signal: AbortSignal,
): Promise<ScoreReport> {
  const { guidance, device, threads, truncate, ...others } = options
  const [other] = Object.keys(others)
  if (other !== undefined)
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Expected the options of a score to be guidance, device, threads and truncate; got ${other}. Leave it out.`,
    )
  const store = await machine.runs.look(run)
  if (await isClipRun(store)) refuseClip(store.path)
  const { settings } = await readRunSettings(store)
  const judge = await openJudge(
    { ...settings, device: await machine.device(device ?? settings.device) },
    { guidance, threads, truncate },
    machine,
    withoutSecrets,
    { signal },
  )
  return await scorePhoto({ store, machine, find: pictureIn(store) }, mask, judge)
}

/** Goes on with a run that is there, or renders it. @throws OPTION_INVALID for a layer painted on a photo's atlas */
async function takeUp(
  job: JobOf<'resume' | 'render' | 'paint'>,
  machine: JobMachine,
  signal: AbortSignal,
  emit: Emit,
  control: RunControl | undefined,
  emitClip: EmitVideo,
): Promise<JobRun> {
  const open = trainerIn(machine)
  const store = await machine.runs.open(job.run)
  try {
    if (await isClipRun(store)) return await takeUpClip(job, store, clipHost(machine), signal, emitClip, control)
    if (job.kind === 'paint') throw noAtlas(store.path)
    const access: SavedRunAccess = {
      store,
      machine,
      find: pictureIn(store),
      present: (own, note) => presentLayers(own, (name) => orNone(machine.runs.look(name)), note),
    }
    if (job.kind === 'render') {
      const rendered = await renderStored(access, { open, signal }, emit)
      if (rendered === null) throw noCheckpoint(store.path)
      return rendered
    }
    const named = job.options.guidance as readonly string[] | undefined
    return await continueRun(
      access,
      job.options,
      { open, signal, control },
      emit,
      named === undefined ? undefined : accessTo(named),
    )
  } finally {
    store.release()
  }
}

const noAtlas = (path: string): Text2LiveError =>
  new Text2LiveError(
    'OPTION_INVALID',
    `Expected the run of a clip, which has an atlas to be painted on, but ${path} is that of a photo. Take the run of a clip.`,
  )

/** @throws CLIP_CODEC_MISSING for a machine that takes photos only */
function clipHost(machine: JobMachine): ClipHost {
  const { forClips, codec, memory, models, runs, warm } = machine
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
    ...(warm === undefined ? {} : { warm }),
    runs,
    runtime: (settings) => machine.runtime(settings),
    device: (asked) => machine.device(asked),
  }
}
