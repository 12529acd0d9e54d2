import { z } from 'zod'
import { isErrorCode } from '../errors.js'
import { photoStages, type RunEvent } from './events.js'
import { stageNames, type VideoEvent } from './videoEvents.js'

/** Rises when a field of an event is renamed or removed, or means something else. */
export const eventsVersion = 1

/** An event as a line of events.ndjson and of `--json` has it. */
export interface EventRow {
  /** When it comes; a clause. */
  readonly about: string
  /** All its fields, but for `type`. */
  readonly fields: z.ZodRawShape
  /** Without `type`. */
  readonly example: Readonly<Record<string, unknown>>
}

const layer = z.enum(['foreground', 'background'])
const stage = z.enum(stageNames)
const photoStage = z.enum(photoStages)
const count = z.int().nonnegative()
const seconds = z.number().nonnegative()
const size = z.strictObject({ width: count, height: count }).describe('px')
const settings = z.record(z.string(), z.unknown()).describe('complete: what config.yaml holds')
const device = z.string().describe('cpu, webgpu or cuda')
const errorCode = z.string().refine(isErrorCode).describe('a code of docs/errors.md')
const memory = z.number().describe('resident memory of the process, bytes; absent in a browser')
const already = z.literal(true).optional().describe('it had finished before; nothing was trained')
/** What a stage took. */
const cost = {
  seconds: seconds.describe('of this process'),
  peakMemory: memory.optional().describe('highest resident memory meanwhile, bytes; absent in a browser'),
  stopped: z.literal(true).optional().describe('it did not come to its end'),
}
const losses = z.record(z.string(), z.number()).describe('unweighted, and total, their weighted sum')

/** What a trainer tells, of a photo as of a clip. */
const notices = {
  note: {
    about: 'something to know: how the input was read, what was taken for what nobody said',
    fields: { message: z.string() },
    example: { message: 'seed: 1729, drawn' },
  },
  warning: {
    about: 'something was not done as asked, and the run goes on',
    fields: { message: z.string() },
    example: { message: 'The mask stays as it is: ...' },
  },
  'model-loading': {
    about: 'a guidance model is loaded',
    fields: { guidance: z.string() },
    example: { guidance: 'starter' },
  },
  'model-download': {
    about: 'with each file of a model that is fetched, and about once a second',
    fields: {
      model: z.string().describe('the name it was asked for by'),
      file: z.string(),
      bytes: z.number().describe('of all files of the model, those from before included'),
      total: z.number(),
      secondsLeft: seconds.nullable(),
    },
    example: {
      model: 'openai/clip-vit-base-patch32',
      file: 'model.safetensors',
      bytes: 120_000_000,
      total: 605_247_071,
      secondsLeft: 48.2,
    },
  },
  phase: {
    about: 'what the preparation has come to: texts are read, the region is looked for',
    fields: { phase: z.enum(['texts', 'locating']) },
    example: { phase: 'locating' },
  },
  compile: {
    about: 'a step graph of this size was compiled',
    fields: { ...size.shape, seconds },
    example: { width: 256, height: 256, seconds: 2.4 },
  },
  steps: {
    about: 'somebody made the run end at another step',
    fields: { steps: count },
    example: { steps: 200 },
  },
  error: {
    about: 'last, where the run failed',
    fields: { code: errorCode, message: z.string() },
    example: { code: 'DISK_FULL', message: 'There is no room left ...' },
  },
} satisfies Record<string, EventRow>

const step = {
  step: count.describe('steps done, this one included'),
  steps: count.describe('of the whole run'),
  losses,
  learningRate: z.number(),
  seconds: seconds.describe('of this step'),
  secondsLeft: seconds.describe('estimated from the last steps'),
  memory: memory.optional(),
  device,
}
const stepExample = {
  step: 30,
  steps: 150,
  losses: { composition: 0.61, directional: 0.82, screen: 0.63, structure: 0.02, sparsity: 0.05, total: 2.1 },
  learningRate: 0.0025,
  seconds: 0.21,
  secondsLeft: 25.2,
  memory: 780_140_544,
  device: 'cpu',
}

/** Events of a photo's run, in the order they come. */
export const photoEvents: Readonly<Record<RunEvent['type'], EventRow>> = {
  'stage-start': {
    about: `a stage begins: ${photoStages.join(', ')}`,
    fields: { stage: photoStage },
    example: { stage: 'training' },
  },
  note: notices.note,
  variation: {
    about: 'with several seeds, before the events of each',
    fields: { index: count.describe('from 0'), count, seed: count, folder: z.string().optional() },
    example: { index: 0, count: 4, seed: 7, folder: 'runs/street-1/seed-7' },
  },
  'model-loading': notices['model-loading'],
  'model-download': notices['model-download'],
  phase: notices.phase,
  'run-start': {
    about: 'all is checked and prepared, the run folder made',
    fields: {
      settings,
      folder: z.string().optional(),
      photo: size.describe('px, as it was given'),
      training: size,
    },
    example: {
      settings: { prompt: ['golden teapot'], preset: 'fast', steps: 150, seed: 7 },
      folder: 'runs/teapot-1',
      photo: { width: 1024, height: 1024 },
      training: { width: 256, height: 256 },
    },
  },
  resumed: {
    about: 'the run goes on from its checkpoint',
    fields: { step: count, steps: count },
    example: { step: 60, steps: 150 },
  },
  compile: notices.compile,
  step: { about: 'a training step is done', fields: step, example: stepExample },
  preview: {
    about: 'a picture of the edit so far was made; the library has its bytes as png',
    fields: { step: count, path: z.string().optional() },
    example: { step: 30, path: 'runs/teapot-1/previews/step-000030.png' },
  },
  checkpoint: {
    about: 'the state was written: the run would go on from here',
    fields: { step: count, path: z.string(), bytes: count },
    example: { step: 60, path: 'runs/teapot-1/checkpoint.safetensors', bytes: 6_291_456 },
  },
  paused: {
    about: 'somebody holds the run after this step',
    fields: { stage: photoStage, step: count },
    example: { stage: 'training', step: 60 },
  },
  'going-on': {
    about: 'and lets it go',
    fields: { stage: photoStage, step: count },
    example: { stage: 'training', step: 60 },
  },
  steps: notices.steps,
  mask: {
    about: 'from the next step on another mask bounds the edit, or none',
    fields: {
      step: count,
      masked: z.boolean(),
      file: z.string().nullable().optional().describe('what the run calls its copy; null where there is none'),
    },
    example: { step: 60, masked: true, file: 'mask.png' },
  },
  warning: notices.warning,
  'stage-done': {
    about: 'a stage ends, or this part of it',
    fields: { stage: photoStage, ...cost },
    example: { stage: 'training', seconds: 41.2, peakMemory: 780_140_544 },
  },
  output: {
    about: 'an output is written',
    fields: { name: z.string(), path: z.string().optional(), bytes: count },
    example: { name: 'composite', path: 'runs/teapot-1/composite.png', bytes: 1_482_113 },
  },
  done: {
    about: 'last, where all steps were made',
    fields: { step: count, steps: count, seconds, folder: z.string().optional(), already },
    example: { step: 150, steps: 150, seconds: 44.8, folder: 'runs/teapot-1' },
  },
  interrupted: {
    about: 'last, where the run was stopped; the outputs are those of the state reached',
    fields: { step: count, steps: count, seconds, folder: z.string().optional() },
    example: { step: 60, steps: 150, seconds: 18.2, folder: 'runs/teapot-1' },
  },
  error: notices.error,
}

/** Events of a clip's run, in the order they come. */
export const clipEvents: Readonly<Record<VideoEvent['type'], EventRow>> = {
  'stage-start': {
    about: `a stage begins: ${stageNames.join(', ')}`,
    fields: { stage, layer: layer.optional() },
    example: { stage: 'training', layer: 'foreground' },
  },
  progress: {
    about: 'how far a stage is',
    fields: {
      stage,
      done: count.describe('frames, pairs of frames or steps, as the stage counts'),
      total: count,
      secondsLeft: seconds.nullable(),
      detail: z.record(z.string(), z.number()).optional(),
    },
    example: { stage: 'flow', done: 12, total: 30, secondsLeft: 4.1 },
  },
  note: notices.note,
  'run-start': {
    about: 'all is checked, the run folder made',
    fields: {
      settings,
      folder: z.string(),
      clip: z
        .strictObject({ width: count, height: count, frames: count, seconds })
        .describe('as it was given: px, frames, seconds'),
      frame: size.describe('px, of the frames that the atlas is fitted to'),
    },
    example: {
      settings: { prompt: ['golden swan'], preset: 'fast', seed: 7 },
      folder: 'runs/swan-1',
      clip: { width: 854, height: 480, frames: 50, seconds: 2.08 },
      frame: { width: 854, height: 480 },
    },
  },
  resumed: {
    about: 'a stage goes on from what it has done',
    fields: { stage, layer: layer.optional(), done: count, total: count },
    example: { stage: 'training', layer: 'foreground', done: 40, total: 120 },
  },
  'model-loading': notices['model-loading'],
  'model-download': notices['model-download'],
  phase: notices.phase,
  compile: notices.compile,
  step: {
    about: 'a training step of a layer is done',
    fields: { ...step, layer },
    example: { ...stepExample, layer: 'foreground' },
  },
  preview: {
    about: 'a frame of the edit so far was made; the library has its bytes as png',
    fields: { layer, step: count, path: z.string() },
    example: { layer: 'foreground', step: 30, path: 'runs/swan-1/previews/foreground-000030.png' },
  },
  checkpoint: {
    about: 'the state of a stage was written',
    fields: { stage, layer: layer.optional(), step: count.optional(), path: z.string(), bytes: count },
    example: {
      stage: 'training',
      layer: 'foreground',
      step: 60,
      path: 'runs/swan-1/foreground.safetensors',
      bytes: 6_291_456,
    },
  },
  paused: {
    about: 'somebody holds the run',
    fields: { stage, layer: layer.optional(), step: count.optional() },
    example: { stage: 'training', layer: 'foreground', step: 60 },
  },
  'going-on': {
    about: 'and lets it go',
    fields: { stage, layer: layer.optional(), step: count.optional() },
    example: { stage: 'training', layer: 'foreground', step: 60 },
  },
  steps: notices.steps,
  warning: notices.warning,
  'stage-done': {
    about: 'a stage ends, or this part of it',
    fields: { stage, layer: layer.optional(), ...cost },
    example: { stage: 'flow', seconds: 9.7, peakMemory: 912_304_128 },
  },
  output: {
    about: 'an output is written',
    fields: { name: z.string(), path: z.string() },
    example: { name: 'edited', path: 'runs/swan-1/edited.mp4' },
  },
  done: {
    about: 'last, where all is made',
    fields: { seconds, folder: z.string(), already },
    example: { seconds: 214.6, folder: 'runs/swan-1' },
  },
  interrupted: {
    about: 'last, where the run was stopped; what was done is kept',
    fields: { stage, seconds, folder: z.string() },
    example: { stage: 'training', seconds: 80.3, folder: 'runs/swan-1' },
  },
  error: notices.error,
}

/** Any event of a table: each has its own fields and no others. */
export const eventSchema = (table: Readonly<Record<string, EventRow>>): z.ZodType =>
  z.union(
    Object.entries(table).map(([type, { about, fields }]) =>
      z.strictObject({ type: z.literal(type), ...fields }).describe(about),
    ),
  )
