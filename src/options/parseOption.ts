import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { oddPath } from '../pathHint.js'
import { nearestName } from './nearestName.js'
import { optionFlag, optionRow, type OptionName } from './imageOptions.js'
import type { NumberRow, OptionRow } from './optionRow.js'

/** A value an option can have. */
export type OptionValue = number | string | boolean | readonly string[]

const schemas = new WeakMap<OptionRow, z.ZodType<OptionValue>>()

/** The zod schema of one row, made once. A number may come as text (flags), a list as a single text (config files). */
function rowSchema(row: OptionRow): z.ZodType<OptionValue> {
  const known = schemas.get(row) ?? makeSchema(row)
  schemas.set(row, known)
  return known
}

function makeSchema(row: OptionRow): z.ZodType<OptionValue> {
  switch (row.type) {
    case 'number':
    case 'integer':
      return z.preprocess(numberFromText, numberSchema(row))
    case 'choice':
      return z.enum(Object.keys(row.choices))
    case 'switch':
      return z.boolean()
    case 'text':
    case 'path':
      return z.string().min(1)
    case 'texts':
    case 'paths':
      return z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(z.string()))
  }
}

/**
 * A valid value of the option, or an error that says what it takes and what came.
 * @param label how the person wrote it: `--views`, `views` or a config key; the flag by default
 * @throws OPTION_INVALID, PROMPT_EMPTY
 */
export function parseOption(name: OptionName, value: unknown, label: string = optionFlag(name)): OptionValue {
  return parseRow(optionRow(name), value, label)
}

/** The same for a row of any table. @throws OPTION_INVALID, PROMPT_EMPTY */
export function parseRow(row: OptionRow, value: unknown, label: string): OptionValue {
  const parsed = rowSchema(row).safeParse(value)
  if (!parsed.success) throw new Text2LiveError('OPTION_INVALID', explain(row, label, value))
  if (row.written === true && typeof parsed.data === 'string') assertWritablePath(parsed.data, label)
  if (row.type === 'texts') assertNoEmptyText(label, parsed.data as readonly string[])
  return parsed.data
}

/** "a whole number from 1 to 256", as errors and docs say it. */
export function describeValues(row: OptionRow): string {
  switch (row.type) {
    case 'number':
    case 'integer':
      return describeNumber(row)
    case 'choice':
      return Object.keys(row.choices).join(' | ')
    case 'switch':
      return 'on or off'
    case 'text':
      return 'text'
    case 'texts':
      return 'text, repeatable'
    case 'path':
      return 'path'
    case 'paths':
      return 'path, repeatable'
  }
}

function numberFromText(value: unknown): unknown {
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : value
}

function numberSchema(row: NumberRow): z.ZodType<number> {
  const base = row.type === 'integer' ? z.number().int() : z.number()
  const inRange = (row.exclusiveMin === true ? base.gt(row.min) : base.gte(row.min)).lte(row.max)
  return row.also === undefined ? inRange : z.union([inRange, z.literal(row.also.value)])
}

/** What a person may write for an option in a file, for editors: its JSON Schema is made from it. */
export function writtenSchema(row: OptionRow): z.ZodType {
  const isList = row.type === 'texts' || row.type === 'paths'
  const isNumber = row.type === 'number' || row.type === 'integer'
  const written = isList
    ? z.union([z.string().min(1), z.array(z.string().min(1))])
    : isNumber
      ? numberSchema(row)
      : rowSchema(row)
  return written.describe(row.type === 'choice' ? `${row.help}: ${choicesText(row.choices)}` : row.help)
}

const choicesText = (choices: Readonly<Record<string, string>>): string =>
  Object.entries(choices)
    .map(([choice, meaning]) => `${choice} - ${meaning}`)
    .join('; ')

function describeNumber(row: NumberRow): string {
  const kind = row.type === 'integer' ? 'a whole number' : 'a number'
  const range = row.exclusiveMin === true ? `above ${row.min}, at most ${row.max}` : `from ${row.min} to ${row.max}`
  const unit = row.unit === undefined ? '' : ` (${row.unit})`
  const also = row.also === undefined ? '' : `, or ${row.also.value}: ${row.also.meaning}`
  return `${kind} ${range}${unit}${also}`
}

/** A value that came, for a message; one that holds itself (YAML has references) has no JSON. */
export function shownValue(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    return 'nested values'
  }
}

function explain(row: OptionRow, label: string, value: unknown): string {
  const came = shownValue(value)
  if (row.type === 'choice') {
    const nearest =
      typeof value === 'string' ? ` Did you mean "${nearestName(value.slice(0, 100), Object.keys(row.choices))}"?` : ''
    return `${label} takes one of ${Object.keys(row.choices).join(', ')}; got ${came}.${nearest}`
  }
  const takes = {
    number: '',
    integer: '',
    switch: 'true or false',
    text: 'a text',
    path: 'a path',
    texts: 'a text or a list of texts',
    paths: 'a path or a list of paths',
  }[row.type]
  const expected = row.type === 'number' || row.type === 'integer' ? describeNumber(row) : takes
  const hint = row.example !== '' && label.startsWith('--') ? ` For example: ${label} ${row.example}` : ''
  return `${label} takes ${expected}; got ${came}.${hint}`
}

/**
 * A file or folder called `~` or `https:` is never what was meant.
 * @throws OPTION_INVALID
 */
export function assertWritablePath(path: string, label: string): void {
  const odd = path === '-' ? 'Files are written, nothing goes to standard output.' : oddPath(path)
  if (odd === null) return
  throw new Text2LiveError('OPTION_INVALID', `${label} takes a path to write to; got ${JSON.stringify(path)}. ${odd}`)
}

function assertNoEmptyText(label: string, texts: readonly string[]): void {
  if (texts.every((text) => text.trim() !== '')) return
  throw new Text2LiveError(
    'PROMPT_EMPTY',
    `${label} takes words, for example "golden teapot"; got an empty text. Give a text or leave ${label} out.`,
  )
}
