import { Text2LiveError } from '../../errors.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { assertNoForce } from '../assertNoForce.js'
import type { AtlasSourceOptions } from './openAtlasSource.js'
import type { PaintedLayers } from './renderPainted.js'
import type { ResumeVideoOptions } from './resumeVideo.js'
import type { VideoPlan, VideoResult } from '../../session/video/runVideo.js'
import type { VideoEvent } from '../../session/videoEvents.js'
import type { WorkerFailure } from '../workerFailure.js'

/** What can be asked of a run over a clip; plain data, it crosses to the worker. */
export type VideoJob =
  | { readonly kind: 'start'; readonly options: GivenVideoOptions; readonly goal: VideoPlan['goal'] }
  | { readonly kind: 'resume'; readonly folder: string; readonly options: ResumeVideoOptions }
  | { readonly kind: 'render'; readonly folder: string }
  /** Both write to `out`, by default a folder in that of the atlas. */
  | ({ readonly kind: 'atlas-inspect'; readonly out: string | null; readonly force: boolean } & AtlasSourceOptions)
  | ({
      readonly kind: 'atlas-render'
      readonly out: string | null
      readonly force: boolean
      readonly painted: PaintedLayers
    } & AtlasSourceOptions)

/** What a job leaves; of a run, all of `VideoResult`. */
export type VideoJobResult = VideoResult | Pick<VideoResult, 'finished' | 'folder'>

/** What the thread of a job begins with. */
export interface VideoWorkerData {
  readonly job: VideoJob
  /** Guidance modules that it may name. */
  readonly modules: readonly string[]
}

/** What the thread of a job tells. */
export type VideoWorkerReply =
  { readonly event: VideoEvent } | { readonly result: VideoJobResult } | { readonly failure: WorkerFailure }

/**
 * The job that options ask for: a new run, or the continuation of one.
 * @throws OPTION_INVALID for options that a continued run cannot take
 */
export function videoJobOf(
  { resume, ...options }: GivenVideoOptions & { readonly resume?: string | null | undefined },
  goal: VideoPlan['goal'],
): VideoJob {
  if (resume === undefined || resume === null) return { kind: 'start', options, goal }
  const { steps, device, threads, previewEvery, guidance, json: _json, force, ...others } = options
  const misplaced = Object.entries(others).find(([, value]) => value !== undefined && value !== null)
  if (misplaced !== undefined) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `A run is continued with the ${misplaced[0]} it was started with; leave that out beside --resume, or start a new run.`,
    )
  }
  assertNoForce(force)
  return { kind: 'resume', folder: resume, options: { steps, device, threads, previewEvery, guidance } }
}
