import { z } from 'zod'
import type { GivenOptions } from '../options/imageOptions.js'
import { imageTable } from '../options/imageTable.js'
import { type OptionTable, rowOf } from '../options/optionTable.js'
import { describeValues, writtenSchema } from '../options/parseOption.js'
import type { GivenVideoOptions } from '../options/videoOptions.js'
import { videoTable } from '../options/videoTable.js'
import type { QueueContents, QueueJob, QueueRequest } from '../session/jobQueue.js'
import type { ClipEntry, HostMachine, PhotoEntry, RunRequest } from '../session/runHost.js'
import { stageNames } from '../session/videoEvents.js'

/** Options that a request cannot give: pictures and clips come with it, and where runs go is the server's. */
const withheld: ReadonlySet<string> = new Set([
  'photo',
  'clip',
  'object',
  'mask',
  'over',
  'seeds',
  'config',
  'out',
  'force',
  'json',
])

export const requestOptionNames = (table: OptionTable): string[] =>
  Object.keys(table.rows).filter((name) => !withheld.has(name))

/** The options of a request, for its description; the option table says more of a wrong one than this could. */
const describedBy = (table: OptionTable, id: string, of: string) =>
  z
    .object(
      Object.fromEntries(
        requestOptionNames(table).map((name) => {
          const row = rowOf(table, name)
          const takes = `${row.help} (${describeValues(row)})`
          return [name, writtenSchema(row).nullable().optional().describe(takes)]
        }),
      ),
    )
    .strict()
    .meta({
      id,
      description: `Options of ${of} as docs/options.md has them; what is left out or null is not set.`,
    })

export const describedOptions = describedBy(imageTable, 'Options', 'a photo')
export const describedClipOptions = describedBy(videoTable, 'ClipOptions', 'a clip')

/** The options as they are read: their names here, their values by the option table. */
export const readOptions = z
  .record(z.string(), z.unknown())
  .refine((given) => !Object.keys(given).some((name) => withheld.has(name)), {
    message: `the options ${[...withheld].join(', ')} cannot be given here: pictures and clips are parts of the request, and each run is one seed in the server's folder`,
  })
  .transform((given) => given as GivenOptions & GivenVideoOptions)

/** Names of runs, the lowest first. */
export const overSchema = z.array(z.string().min(1).max(1000)).max(1000)

export const errorSchema = z
  .object({
    code: z.string().describe('stable, upper-case: RUN_NOT_FOUND'),
    message: z.string().describe('what was expected, what came, what to do'),
  })
  .meta({ id: 'Error' })

const entryShape = {
  name: z.string().describe('what requests call it; the name of its folder'),
  state: z.enum(['waiting', 'running', 'paused', 'stopped', 'finished', 'failed']),
  title: z.string(),
  settings: z.record(z.string(), z.unknown()).describe('complete: what its config.yaml holds'),
  step: z
    .int()
    .describe('steps done; settings.steps are planned. Of a clip those of the layer that is trained, or was last'),
  over: z.array(z.string()).describe('the runs that it stands on, the lowest first'),
  thumbnail: z.string().nullable().describe('a file of the run'),
  created: z.number().describe('milliseconds since 1970'),
  error: z.object({ code: z.string().nullable(), message: z.string() }).nullable(),
}

const photoEntry = z.object({ kind: z.literal('photo'), ...entryShape }) satisfies z.ZodType<Described<PhotoEntry>>
const clipEntry = z.object({
  kind: z.literal('clip'),
  ...entryShape,
  stage: z.enum(stageNames).nullable().describe('the stage that it is in, or was in when it ended'),
}) satisfies z.ZodType<Described<ClipEntry>>

export const entrySchema = z.discriminatedUnion('kind', [photoEntry, clipEntry]).meta({ id: 'Run' })

export const runsSchema = z.object({
  runs: z
    .array(entrySchema)
    .describe('those that wait or are at work first, in the order of the queue, then the others, the latest first'),
})

export const submittedSchema = z.object({ run: z.string().describe('the name of the run') })

export const filesSchema = z.object({ files: z.array(z.object({ name: z.string(), bytes: z.int() })) })

const queueJobSchema = z
  .object({
    job: z.string().describe('its name in the queue: 32 hexadecimal digits'),
    out: z.string().describe('what people call it: the name of its folder'),
    kind: z.enum(['photo', 'clip']),
    prompt: z.string(),
    state: z.enum(['working', 'failed', 'waiting', 'delayed', 'done']),
    progress: z
      .object({
        step: z.number(),
        steps: z.number(),
        stage: z.enum(stageNames).nullable().describe('of a clip'),
        loss: z.number().nullable(),
        secondsLeft: z.number().nullable(),
        worker: z.string().describe('the name of a machine'),
      })
      .nullable()
      .describe('how far the worker is that has it, or had it last'),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'QueueJob' }) satisfies z.ZodType<Described<QueueJob>>

const inState = z.int().nonnegative()

export const queueSchema = z.object({
  queue: z
    .object({
      place: z.string().describe('its address, without what may be a secret'),
      counts: z.object({ working: inState, failed: inState, waiting: inState, delayed: inState, done: inState }),
      jobs: z
        .array(queueJobSchema)
        .describe(
          'those at work first, then those that failed, those that wait in the order of their turn, and those that are done, the latest first; up to 100 of each',
        ),
    })
    .nullable()
    .describe('null where the studio was started without one'),
}) satisfies z.ZodType<{ queue: (Omit<QueueContents, 'jobs'> & { jobs: Described<QueueJob>[] }) | null }>

export const queueRequestSchema = z
  .strictObject({
    do: z
      .enum(['cancel', 'retry'])
      .describe(
        'cancel: one that is at work ends after the step at hand, one that waits leaves the queue; retry: one that failed goes on from what was kept of it',
      ),
  })
  .meta({ id: 'QueueRequest' }) satisfies z.ZodType<QueueRequest>

export const machineSchema = z
  .object({
    device: z.string().nullable().describe('what the device "auto" becomes here'),
    threads: z.int(),
    guidance: z.array(z.string()).describe('guidance models that can be used without fetching anything'),
    free: z.number().nullable().describe('bytes free for runs'),
  })
  .meta({ id: 'Machine' }) satisfies z.ZodType<Described<HostMachine>>

export const locatedSchema = z
  .object({
    map: z.base64().describe('PNG of the training size, grey: what a run with these options takes for the region'),
    share: z.number().describe('part of the photo where the map is at least one half'),
    notes: z.array(z.string()),
  })
  .meta({ id: 'LocatedMap' })

const asked = <Word extends string>(word: Word, what: string) => z.strictObject({ do: z.literal(word) }).describe(what)

export const requestSchema = z
  .discriminatedUnion('do', [
    asked('go', 'one that is held goes on at once, one that was stopped or failed when its turn comes'),
    asked('pause', 'holds it after the step at hand, with a checkpoint'),
    asked(
      'stop',
      'finishes the step at hand and writes the outputs of the state reached (of a clip it is kept, and render writes them); one that waits leaves the queue',
    ),
    z
      .strictObject({ do: z.literal('steps'), steps: z.int().min(1).max(1_000_000) })
      .describe('it ends at another step; a run that is finished already goes back to the queue'),
    z.strictObject({ do: z.literal('rename'), title: z.string().min(1).max(1000) }),
    z
      .strictObject({ do: z.literal('move'), place: z.int().min(0).max(1_000_000) })
      .describe('another place among those that wait, from 0'),
    asked('render', 'writes its outputs again'),
    asked('delete', 'stops it where it is at work, and deletes it with all its files'),
  ])
  .meta({ id: 'RunRequest' }) satisfies z.ZodType<RunRequest>

/** What the stream of events tells. */
export const updateSchema = z
  .union([
    z.object({ type: z.literal('runs'), runs: z.array(entrySchema) }),
    z.object({
      type: z.literal('event'),
      run: z.string(),
      event: z
        .looseObject({ type: z.string() })
        .describe('a line of the run\'s events.ndjson; of a preview "file", a file of the run'),
    }),
  ])
  .meta({ id: 'Update' })

/** A type as JSON carries it and a schema gives it: lists can be written to, settings are a record. */
type Described<T> = {
  [K in keyof T]: K extends 'settings'
    ? Record<string, unknown>
    : K extends 'error'
      ? { code: string | null; message: string } | null
      : T[K] extends readonly (infer E)[]
        ? E[]
        : T[K]
}
