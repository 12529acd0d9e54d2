import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { interruptedBy } from '../../session/interrupted.js'
import type { EmitAny, QueuedJob } from '../../session/queue/queueMachine.js'
import type { RunControl } from '../../session/runControl.js'
import { textsCheckedIn, videoTrainerIn } from '../../session/video/openVideoTrainer.js'
import { paintClip } from '../../session/video/paintClip.js'
import type { VideoResult } from '../../session/video/runVideo.js'
import type { VideoEnvironment } from '../../session/video/videoEnvironment.js'
import { assertKind } from '../resumeRun.js'
import { openRunFolder } from '../runFolder.js'
import { clipMachine } from './clipMachine.js'
import { inFolder } from './clipPaths.js'
import { renderVideo } from './renderVideo.js'
import { resumeVideo } from './resumeVideo.js'
import { startVideo } from './startVideo.js'

/** Whoever reads texts and trains for a clip. */
export type ClipTraining = Omit<VideoEnvironment, 'signal' | 'control'>

const here: ClipTraining = { openTrainer: videoTrainerIn(clipMachine), checkTexts: textsCheckedIn(clipMachine) }

/**
 * Begins a run over a clip, in this thread.
 * @throws as `startVideo`, INTERRUPTED
 */
export async function beginClipRun(
  options: GivenVideoOptions,
  signal: AbortSignal,
  emit: EmitAny,
  control: RunControl,
): Promise<VideoResult> {
  return await startVideo(options, 'edit', { ...here, signal: interruptedBy(signal), control }, emit)
}

/**
 * Does a job of a queue on the run folder of a clip, in this thread.
 * @throws all that the run throws; RUN_INVALID for the folder of a photo
 */
export async function workOnClip(
  path: string,
  job: QueuedJob,
  signal: AbortSignal,
  emit: EmitAny,
  control: RunControl,
  training: ClipTraining = here,
): Promise<VideoResult> {
  const environment = { ...training, signal: interruptedBy(signal), control }
  if (job.kind === 'resume') return await resumeVideo(path, job.options, environment, emit)
  if (job.kind === 'render') return await renderVideo(path, environment, emit)
  await assertKind(path, 'video')
  const store = await openRunFolder(path)
  try {
    return await paintClip({ store, machine: clipMachine, find: inFolder(path) }, environment, emit)
  } finally {
    store.release()
  }
}
