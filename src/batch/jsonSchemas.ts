import { z } from 'zod'
import { configVersion } from '../options/configFile.js'
import { type OptionTable, rowOf } from '../options/optionTable.js'
import { writtenSchema } from '../options/parseOption.js'
import { imageTable } from '../options/imageTable.js'
import { videoTable } from '../options/videoTable.js'
import { clipEvents, eventSchema, eventsVersion, photoEvents } from '../session/eventTable.js'
import { metricsSchema } from '../session/video/metricsStage.js'
import { batchEvents } from './eventDocs.js'
import { columnNames, inputNames, tables } from './list/checkList.js'

/** Of metrics.json: rises as that of events does. */
const metricsVersion = 1

/** JSON Schemas by their file's name: what people write, for editors to complete and check, and what runs tell. */
export function jsonSchemas(): Readonly<Record<string, object>> {
  const row = z.strictObject(columns())
  return {
    'batch.schema.json': schemaOf(
      'A list of edits for text2live batch, as YAML',
      z.union([z.array(row), z.strictObject({ defaults: row.optional(), jobs: z.array(row) })]),
    ),
    'batch-row.schema.json': schemaOf(
      'A line of a list of edits for text2live batch, as JSON lines',
      z.union([row, z.strictObject({ defaults: row })]),
    ),
    'image-config.schema.json': schemaOf('A --config file of text2live image', configOf(imageTable)),
    'video-config.schema.json': schemaOf('A --config file of text2live video', configOf(videoTable)),
    'image-events.schema.json': schemaOf(
      'An event of a run on a photo: a line of events.ndjson, and of text2live image --json',
      eventSchema(photoEvents),
      eventsVersion,
    ),
    'video-events.schema.json': schemaOf(
      'An event of a run over a clip: a line of events.ndjson, and of text2live video --json',
      eventSchema(clipEvents),
      eventsVersion,
    ),
    'batch-events.schema.json': schemaOf(
      'An event of a batch: a line of text2live batch --json',
      eventSchema(batchEvents),
      eventsVersion,
    ),
    'video-metrics.schema.json': schemaOf("metrics.json of a clip's run", metricsSchema, metricsVersion),
  }
}

/** An option of both tables is described as that of photos. */
function columns(): Record<string, z.ZodType> {
  const options = columnNames
    .filter((name) => !(inputNames as readonly string[]).includes(name))
    .map((name) => {
      const table = Object.hasOwn(imageTable.rows, name) ? imageTable : videoTable
      return [name, writtenSchema(rowOf(table, name)).optional()] as const
    })
  const input = z.string().min(1)
  return {
    input: input.describe('the photo or clip: a file, a folder of them, or a pattern such as photos/*.jpg').optional(),
    photo: input.describe(`${rowOf(tables.photo, 'photo').help}; or a folder of photos, or a pattern`).optional(),
    clip: input.describe(rowOf(tables.clip, 'clip').help).optional(),
    ...Object.fromEntries(options),
  }
}

/** The published code's keys, and ours with hyphens, are taken too: other names are no fault. */
const configOf = (table: OptionTable): z.ZodType =>
  z.looseObject({
    configVersion: z.literal(configVersion).optional(),
    ...Object.fromEntries(
      Object.entries(table.rows)
        .filter(([name, row]) => row.command !== true || name === 'out' || name === 'seeds')
        .map(([name, row]) => [name, writtenSchema(row).optional()]),
    ),
  })

/** @param version of what it describes; it stands in the schema */
const schemaOf = (title: string, schema: z.ZodType, version: number = configVersion): object => ({
  title,
  $comment: `version ${version}`,
  ...z.toJSONSchema(schema, { io: 'input' }),
})

/** The text of a schema's file. */
export const schemaText = (schema: object): string => `${JSON.stringify(schema, null, 2)}\n`
