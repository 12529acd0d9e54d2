import { z } from 'zod'
import { configVersion } from '../options/configFile.js'
import { type OptionTable, rowOf } from '../options/optionTable.js'
import { writtenSchema } from '../options/parseOption.js'
import { imageTable } from '../options/imageTable.js'
import { videoTable } from '../options/videoTable.js'
import { columnNames, inputNames, tables } from './list/checkList.js'

/** JSON Schemas by their file's name, for editors to complete and check what people write. */
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

const schemaOf = (title: string, schema: z.ZodType): object => ({ title, ...z.toJSONSchema(schema, { io: 'input' }) })

/** The text of a schema's file. */
export const schemaText = (schema: object): string => `${JSON.stringify(schema, null, 2)}\n`
