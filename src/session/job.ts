import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import type { GivenOptions } from '../options/imageOptions.js'
import type { GivenVideoOptions } from '../options/videoOptions.js'

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'Invalid input: expected bytes')
const named = z.strictObject({ name: z.string().min(1).max(1000), bytes })
const filePath = z.string().min(1).max(4096)
const file = z.union([filePath, named])
const picture = z.union([filePath, bytes, named])
/** Checked with the option table when the job is resolved, which names the option. */
const options = z.record(z.string(), z.unknown()).transform((given) => given as GivenOptions)
const clipOptions = z.record(z.string(), z.unknown()).transform((given) => given as GivenVideoOptions)
const run = filePath
/** An atlas by its path, without a run. `out` is a folder; null for one in that of the atlas. */
const atlasUse = { atlas: filePath, options: clipOptions, out: filePath.nullable(), force: z.boolean() }
const over = z.array(run).max(1000).readonly().optional()

/**
 * What a machine can be asked to do, whether that is a browser's worker or a process of Node. Nothing of who asks is in
 * it: a picture is its bytes, or a path where the machine has files; a run is called as the machine's store calls it,
 * which in Node is the path of its folder.
 * - `image`: a new edit of a photo; `run` is the name that it gets in the store; null keeps nothing; left out, the
 *   machine calls it after the photo. `over` names runs that it is painted over, the lowest first; a photo of null is
 *   that of the lowest, or the one that the options name.
 * - `video`: a new run over a clip; `object` are masks of the object, each named as its frame, or the path of a mask or
 *   of a folder of them; `mask` bounds the edit. With the goal `atlas` (default `edit`) it fits the layered atlas
 *   alone. `over` names runs over the same clip that it is painted over, whose atlas it shares.
 * - `resume`: goes on with a run, of a photo or a clip.
 * - `render`: writes its outputs again.
 * - `paint`: maps the layers that somebody painted on the atlas of a clip's run to its frames.
 * - `score`: measures the edit of a photo's run, by the models of the options `guidance`, else by its own; `mask` is
 *   where the edit should be. It keeps nothing.
 * - `relevancy`: where a run with these options would edit the photo, before anything is trained; it keeps nothing.
 * - `atlas-inspect` and `atlas-render`: show an atlas, and map layers that somebody painted on it to the frames of its
 *   clip; where the machine has files.
 */
export const jobSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('image'),
    options,
    photo: picture.nullable(),
    mask: picture.nullable(),
    run: run.nullable().optional(),
    over,
  }),
  z.strictObject({
    kind: z.literal('video'),
    options: clipOptions,
    clip: file.nullable(),
    object: z.union([filePath, z.array(named).min(1).max(100_000).readonly()]).nullable(),
    mask: file.nullable(),
    goal: z.enum(['edit', 'atlas']).optional(),
    run: run.optional(),
    over,
  }),
  z.strictObject({ kind: z.literal('resume'), run, options }),
  z.strictObject({ kind: z.literal('render'), run }),
  z.strictObject({ kind: z.literal('score'), run, options, mask: picture.nullable().optional() }),
  z.strictObject({ kind: z.literal('paint'), run }),
  z.strictObject({ kind: z.literal('relevancy'), options, photo: picture.nullable(), over }),
  z.strictObject({ kind: z.literal('atlas-inspect'), ...atlasUse }),
  z.strictObject({
    kind: z.literal('atlas-render'),
    ...atlasUse,
    painted: z.strictObject({ foreground: filePath.exactOptional(), background: filePath.exactOptional() }),
  }),
])

/** What a worker or a process is asked to do, as plain data. */
export type Job = z.infer<typeof jobSchema>

/** The job of a kind. */
export type JobOf<Kind extends Job['kind']> = Extract<Job, { readonly kind: Kind }>

const jobKinds = jobSchema.options.map(({ shape }) => shape.kind.value)

/**
 * A job as a worker, a thread or a process received it.
 * @param kinds those that are done there; default: all
 * @throws OPTION_INVALID for what is none of them
 */
export function readJob(received: unknown): Job
export function readJob<Kind extends Job['kind']>(received: unknown, kinds: readonly Kind[]): JobOf<Kind>
export function readJob(received: unknown, kinds: readonly string[] = jobKinds): Job {
  const { success, data, error } = jobSchema.safeParse(received)
  if (success && kinds.includes(data.kind)) return data
  const problems = success
    ? [`kind: "${data.kind}" is not done here`]
    : error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'job'}: ${message}`)
  throw new Text2LiveError('OPTION_INVALID', `Expected a job of kind ${kinds.join(', ')}: ${problems.join('; ')}.`)
}
