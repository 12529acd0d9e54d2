import { Text2LiveError } from '../errors.js'
import type { GivenOptions } from '../options/imageOptions.js'
import type { JobOf } from '../session/job.js'
import { assertNoForce } from './assertNoForce.js'

/** A job on a photo. */
export type ImageJob = JobOf<'image' | 'resume' | 'render'>

/** Options of a run that begins or goes on; pictures may be bytes. */
export interface ImageOptions extends Omit<GivenOptions, 'photo' | 'mask' | 'json'> {
  readonly photo?: string | Uint8Array | null | undefined
  readonly mask?: string | Uint8Array | null | undefined
  /**
   * A run folder to continue; then only steps, device, threads and previewEvery may be given besides; guidance, to name
   * again a model that is to be fetched.
   */
  readonly resume?: string | null | undefined
}

/**
 * The job that options ask for: a new run, or the continuation of one.
 * @param isKept a new run has a folder, runs/<photo>-<n> where nobody names one; else it keeps nothing then
 * @throws OPTION_INVALID for options that a continued run cannot take
 */
export function imageJobOf({ resume, ...given }: ImageOptions, isKept: boolean): JobOf<'image' | 'resume'> {
  if (resume === undefined || resume === null) {
    const { photo = null, mask = null, out, over, ...options } = given
    const run = out ?? (isKept ? undefined : null)
    return { kind: 'image', options, photo, mask, run, over: typeof over === 'string' ? [over] : (over ?? undefined) }
  }
  const { photo, mask, prompt, out, force, config, seeds, ...options } = given
  const misplaced = Object.entries({ photo, mask, prompt, out, config, seeds }).find(
    ([, value]) => value !== undefined && value !== null,
  )
  if (misplaced !== undefined) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `A run is continued with the ${misplaced[0]} it was started with; leave that out beside --resume, or start a new run.`,
    )
  }
  assertNoForce(force)
  return { kind: 'resume', run: resume, options }
}
