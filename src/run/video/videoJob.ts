import { Text2LiveError } from '../../errors.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import type { JobOf } from '../../session/job.js'
import { assertNoForce } from '../assertNoForce.js'
import type { VideoPlan, VideoResult } from '../../session/video/runVideo.js'

/** A job on a clip, or on the atlas of one. */
export type ClipJob = JobOf<'video' | 'resume' | 'render' | 'paint' | 'atlas-inspect' | 'atlas-render'>

/** What a job leaves; of a run, all of `VideoResult`. */
export type VideoJobResult = VideoResult | Pick<VideoResult, 'finished' | 'folder'>

/**
 * The job that options ask for: a new run, or the continuation of one.
 * @throws OPTION_INVALID for options that a continued run cannot take
 */
export function videoJobOf(
  { resume, ...given }: GivenVideoOptions & { readonly resume?: string | null | undefined },
  goal: VideoPlan['goal'],
): JobOf<'video' | 'resume'> {
  if (resume === undefined || resume === null) {
    const { clip = null, object = null, mask = null, out, over: named, ...options } = given
    const over = typeof named === 'string' ? [named] : (named ?? undefined)
    return { kind: 'video', options, clip, object, mask, goal, run: out ?? undefined, over }
  }
  const { steps, device, threads, previewEvery, guidance, json: _json, force, ...others } = given
  const misplaced = Object.entries(others).find(([, value]) => value !== undefined && value !== null)
  if (misplaced !== undefined) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `A run is continued with the ${misplaced[0]} it was started with; leave that out beside --resume, or start a new run.`,
    )
  }
  assertNoForce(force)
  return { kind: 'resume', run: resume, options: { steps, device, threads, previewEvery, guidance } }
}
