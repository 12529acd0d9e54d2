import { z } from 'zod'
import { Text2LiveError } from '../../errors.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { type JobOf, readJob } from '../../session/job.js'
import { assertNoForce } from '../assertNoForce.js'
import type { AtlasSourceOptions } from './openAtlasSource.js'
import type { VideoPlan, VideoResult } from '../../session/video/runVideo.js'
import type { VideoEvent } from '../../session/videoEvents.js'
import type { WorkerFailure } from '../workerFailure.js'

const clipKinds = ['video', 'resume', 'render', 'paint'] as const

/** A job on a clip. */
export type ClipJob = JobOf<(typeof clipKinds)[number]>

const path = z.string().min(1)
const use = {
  atlas: path,
  /** Checked with the option table. */
  options: z.record(z.string(), z.unknown()).transform((given) => given as Omit<AtlasSourceOptions, 'atlas'>),
  /** Default: a folder in that of the atlas. */
  out: path.nullable(),
  force: z.boolean(),
}
const atlasUseSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('atlas-inspect'), ...use }),
  z.strictObject({
    kind: z.literal('atlas-render'),
    ...use,
    painted: z.strictObject({ foreground: path.exactOptional(), background: path.exactOptional() }),
  }),
])

/** What is done with an atlas by path, without a run. */
export type AtlasUse = z.infer<typeof atlasUseSchema>

/** What can be asked of a thread for clips; plain data, it crosses to there. */
export type VideoJob = ClipJob | AtlasUse

/** A job as a thread received it. @throws OPTION_INVALID */
export function readVideoJob(received: unknown): VideoJob {
  const asked = atlasUseSchema.safeParse(received)
  return asked.success ? asked.data : readJob(received, clipKinds)
}

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
