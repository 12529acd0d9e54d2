import { z } from 'zod'
import { isErrorCode } from '../errors.js'
import { clipEvents, type EventRow, eventsVersion, photoEvents } from '../session/eventTable.js'
import type { BatchEvent } from './batchEvents.js'

const count = z.int().nonnegative()
const counts = {
  total: count,
  finished: count,
  failed: count,
  left: count.describe('they wait, were stopped, or are at work'),
}
const seconds = z.number().nonnegative()
const job = z.string().describe('the name of its run folder')

/** Events of a batch, in the order they come. */
export const batchEvents: Readonly<Record<BatchEvent['type'], EventRow>> = {
  'batch-start': {
    about: 'the list is checked',
    fields: { ...counts, out: z.string() },
    example: { total: 3, finished: 1, failed: 0, left: 2, out: 'runs/jobs' },
  },
  'job-held': {
    about: 'another process is at work on the edit; the batch comes back to it',
    fields: { job, holder: z.string() },
    example: { job: 'teapot', holder: 'process 4711 of another-machine' },
  },
  'job-start': {
    about: 'an edit begins or goes on',
    fields: {
      job,
      kind: z.enum(['photo', 'clip']),
      input: z.string(),
      place: count.describe('of the list, from 1'),
      total: count,
      resumed: z.boolean().describe('it goes on from its checkpoint'),
    },
    example: { job: 'teapot', kind: 'photo', input: 'photos/teapot.jpg', place: 2, total: 3, resumed: false },
  },
  'job-event': {
    about: 'an event of that run, as below',
    fields: { job, event: z.looseObject({ type: z.string() }) },
    example: { job: 'teapot', event: { type: 'resumed', step: 60, steps: 150 } },
  },
  'job-done': { about: 'an edit is finished', fields: { job, seconds }, example: { job: 'teapot', seconds: 44.8 } },
  'job-failed': {
    about: 'an edit failed, and the batch goes on',
    fields: { job, code: z.string().refine(isErrorCode), message: z.string() },
    example: { job: 'teapot', code: 'INPUT_TRUNCATED', message: 'photos/teapot.jpg ends early ...' },
  },
  'job-stopped': { about: 'an edit was stopped; it can go on', fields: { job }, example: { job: 'teapot' } },
  'batch-progress': {
    about: 'after each edit',
    fields: { ...counts, secondsLeft: seconds.nullable() },
    example: { total: 3, finished: 2, failed: 0, left: 1, secondsLeft: 45.1 },
  },
  report: { about: 'the report is written', fields: { path: z.string() }, example: { path: 'runs/jobs/report.html' } },
  'batch-done': {
    about: 'last, where nothing is left',
    fields: { ...counts, seconds },
    example: { total: 3, finished: 3, failed: 0, left: 0, seconds: 131.2 },
  },
  'batch-stopped': {
    about: 'last, where it was stopped',
    fields: { ...counts, seconds },
    example: { total: 3, finished: 2, failed: 0, left: 1, seconds: 80.5 },
  },
}

/** docs/events.md, from the tables. */
export function renderEventDocs(): string {
  return [
    '# Events',
    '',
    'Written by `node scripts/writeSchemas.mjs` from `src/session/eventTable.ts` and `src/batch/eventDocs.ts`; do not edit by hand.',
    '',
    `A run tells what happens as events: the lines of \`events.ndjson\` in its folder, what \`--json\` prints, and what iterating over \`editImage\` and \`editVideo\` gives. This is version ${eventsVersion}: the number rises when a`,
    'field is renamed or removed, or means something else; new events and new fields may come without. JSON Schemas of a line are in the package: `schemas/image-events.schema.json`, `schemas/video-events.schema.json`,',
    '`schemas/batch-events.schema.json`. Paths are as the run was given them, seconds count from the start of this process.',
    '',
    ...section('A photo', photoEvents),
    ...section('A clip', clipEvents),
    ...section('A batch', batchEvents),
  ].join('\n')
}

const section = (title: string, table: Readonly<Record<string, EventRow>>): string[] => [
  `## ${title}`,
  '',
  ...Object.entries(table).flatMap(([type, { about, fields, example }]) => [
    `### \`${type}\``,
    '',
    `${about[0]!.toUpperCase()}${about.slice(1)}.`,
    '',
    '```json',
    JSON.stringify({ type, ...example }),
    '```',
    '',
    ...fieldList(fields),
  ]),
]

/** Fields that have more to say than their name and the example. */
function fieldList(fields: z.ZodRawShape): string[] {
  const lines = Object.entries(fields as Readonly<Record<string, z.ZodType>>).flatMap(([name, schema]) => {
    const said = [schema.safeParse(undefined).success ? 'optional' : '', schema.description ?? ''].filter(
      (text) => text !== '',
    )
    return said.length === 0 ? [] : [`- \`${name}\`: ${said.join('; ')}`]
  })
  return lines.length === 0 ? [] : [...lines, '']
}
