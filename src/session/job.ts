import { z } from 'zod'
import type { GivenOptions } from '../options/imageOptions.js'
import type { GivenVideoOptions } from '../options/videoOptions.js'

const picture = z.strictObject({ name: z.string().min(1).max(1000), bytes: z.instanceof(Uint8Array) })
/** Checked with the option table when the job is resolved, which names the option. */
const options = z.record(z.string(), z.unknown()).transform((given) => given as GivenOptions)
const run = z.string().min(1).max(1000)

/**
 * What a machine can be asked to do. It names nothing of the machine that asks: pictures come as bytes with a name,
 * runs by the name that their store has.
 * - `image`: a new edit of a photo; `run` is the name that it gets in the store, null keeps nothing.
 * - `video`: a new run over a clip; `object` are masks of the object, each named as its frame, `mask` bounds the edit.
 *   With the goal `atlas` (default `edit`) it fits the layered atlas alone.
 * - `resume`: goes on with a run, of a photo or a clip. - `render`: writes its outputs again.
 */
export const jobSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('image'), options, photo: picture, mask: picture.nullable(), run: run.nullable() }),
  z.strictObject({
    kind: z.literal('video'),
    options: z.record(z.string(), z.unknown()).transform((given) => given as GivenVideoOptions),
    clip: picture,
    object: z.array(picture).min(1).max(100_000).nullable(),
    mask: picture.nullable(),
    goal: z.enum(['edit', 'atlas']).optional(),
    run,
  }),
  z.strictObject({ kind: z.literal('resume'), run, options }),
  z.strictObject({ kind: z.literal('render'), run }),
])

export type Job = z.infer<typeof jobSchema>
