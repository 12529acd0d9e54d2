import { z } from 'zod'
import type { GivenOptions } from '../options/imageOptions.js'
import type { GivenVideoOptions } from '../options/videoOptions.js'

const picture = z.strictObject({ name: z.string().min(1).max(1000), bytes: z.instanceof(Uint8Array) })
/** Checked with the option table when the job is resolved, which names the option. */
const options = z.record(z.string(), z.unknown()).transform((given) => given as GivenOptions)
const run = z.string().min(1).max(1000)
const over = z.array(run).max(1000).readonly().optional()

/**
 * What a machine can be asked to do. It names nothing of the machine that asks: pictures come as bytes with a name,
 * runs by the name that their store has.
 * - `image`: a new edit of a photo; `run` is the name that it gets in the store, null keeps nothing. `over` names runs
 *   that it is painted over, the lowest first; a photo of null is that of the lowest.
 * - `video`: a new run over a clip; `object` are masks of the object, each named as its frame, `mask` bounds the edit.
 *   With the goal `atlas` (default `edit`) it fits the layered atlas alone. `over` names runs over the same clip that it
 *   is painted over, whose atlas it shares.
 * - `resume`: goes on with a run, of a photo or a clip. - `render`: writes its outputs again. - `paint`: maps the layers
 *   that somebody painted on the atlas of a clip's run to its frames.
 * - `score`: measures the edit of a photo's run, by the models of the options `guidance`, else by its own; `mask` is where
 *   the edit should be. It keeps nothing.
 * - `relevancy`: where a run with these options would edit the photo, before anything is trained; it keeps nothing.
 */
export const jobSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('image'),
    options,
    photo: picture.nullable(),
    mask: picture.nullable(),
    run: run.nullable(),
    over,
  }),
  z.strictObject({
    kind: z.literal('video'),
    options: z.record(z.string(), z.unknown()).transform((given) => given as GivenVideoOptions),
    clip: picture,
    object: z.array(picture).min(1).max(100_000).nullable(),
    mask: picture.nullable(),
    goal: z.enum(['edit', 'atlas']).optional(),
    run,
    over,
  }),
  z.strictObject({ kind: z.literal('resume'), run, options }),
  z.strictObject({ kind: z.literal('render'), run }),
  z.strictObject({ kind: z.literal('score'), run, options, mask: picture.nullable().optional() }),
  z.strictObject({ kind: z.literal('paint'), run }),
  z.strictObject({ kind: z.literal('relevancy'), options, photo: picture.nullable(), over }),
])

/** What a worker or a process is asked to do, as plain data. */
export type Job = z.infer<typeof jobSchema>

/** As messages name them. */
export const jobKinds = jobSchema.options.map(({ shape }) => shape.kind.value)
