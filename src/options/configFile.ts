import { isMap, isScalar, Lexer, LineCounter, parseDocument, type Document } from 'yaml'
import { Text2LiveError } from '../errors.js'
import type { GivenOptions } from './imageOptions.js'
import { imageTable } from './imageTable.js'
import { nearestName } from './nearestName.js'
import { kebabCase } from './optionRow.js'
import { type OptionTable, type PublishedKey, rowOf, settingNamesOf } from './optionTable.js'
import { parseRow, shownValue } from './parseOption.js'
import { videoTable } from './videoTable.js'
import { publishedDeviceNote } from './publishedConfig.js'
import { printable } from '../printable.js'

/** A config file, read. */
interface ConfigFile<Options> {
  readonly options: Options
  /** Of a file of the published code one text: what it sets here, what of it is ignored, and why. */
  readonly notes: readonly string[]
  /** The file speaks the published code's keys. */
  readonly published: boolean
  /** It says its version, as the config.yaml of a run folder does. */
  readonly ofRun: boolean
}

/** Version of the run folder's config.yaml; a later program refuses what it cannot read. */
export const configVersion = 1

/** Greatest length of a config file, characters and bytes: hundreds of times what all options take. */
export const longestConfig = 2 ** 20
/**
 * Names, values, line ends and signs. The parser takes seconds for ten times as many, and minutes for a hundred times.
 */
const mostLexemes = 20_000

interface Entry {
  readonly key: string
  readonly value: unknown
  /** `name:line`, for messages. */
  readonly place: string
}

/**
 * Options from YAML text: our own keys (camelCase or kebab-case) or those of the published code, unchanged.
 * @param fileName for messages only
 * @throws CONFIG_INVALID with line, column and an excerpt; CONFIG_UNKNOWN_KEY naming the nearest; OPTION_INVALID;
 *   PROMPT_EMPTY
 */
export function readConfig(text: string, fileName: string): ConfigFile<GivenOptions> {
  return readTableConfig<GivenOptions>(imageTable, text, fileName)
}

/** The same for the options of any command. */
export function readTableConfig<Options>(table: OptionTable, text: string, fileName: string): ConfigFile<Options> {
  const entries = yamlEntries(text, fileName)
  const published = entries.some(({ key }) => Object.hasOwn(table.published, key))
  const options: Record<string, unknown> = {}
  const ignored: Ignored[] = []
  for (const entry of entries) {
    const { key, value } = entry
    if (value === null || value === undefined) continue
    // The published code's templates have "" and [] where a person is to fill in.
    if (published && isEmpty(value)) ignored.push({ key, why: 'empty, so not given' })
    else if (key === 'configVersion') assertVersion(entry)
    else if (published && key === 'device') ignored.push({ key, why: publishedDeviceNote })
    else if (Object.hasOwn(table.published, key)) readPublished(table, entry, entries, options, ignored)
    else {
      const name = ownName(table, entry)
      options[name] = parseRow(rowOf(table, name), value, `${key} (${entry.place})`)
    }
  }
  // The published code computes no bootstrap loss when bootstrap_epoch is -1, whatever bootstrap_text says.
  if (options['region'] !== undefined && entries.some(({ key, value }) => key === 'bootstrap_epoch' && value === -1))
    options['bootstrapSteps'] = 0
  const ofRun = entries.some(({ key }) => key === 'configVersion')
  if (ofRun)
    for (const name of settingNamesOf(table)) {
      const { before } = rowOf(table, name)
      if (before !== undefined) options[name] ??= before
    }
  return {
    options: options as Options,
    notes: published ? [publishedText(fileName, options, ignored)] : [],
    published,
    ofRun,
  }
}

interface Ignored {
  readonly key: string
  readonly why: string
}

const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.every(isEmpty) : typeof value === 'string' && value.trim() === ''

/** One note instead of one a key: what the file sets, as flags, and what is ignored, by reason. */
function publishedText(
  fileName: string,
  options: Readonly<Record<string, unknown>>,
  ignored: readonly Ignored[],
): string {
  const set = Object.entries(options).map(
    ([name, value]) =>
      `--${kebabCase(name)} ${printable(
        [value]
          .flat()
          .map((each) => JSON.stringify(each))
          .join(', '),
        100,
      )}`,
  )
  const reasons = [...new Set(ignored.map(({ why }) => why))]
  const left = reasons.map(
    (why) =>
      `${ignored
        .filter((each) => each.why === why)
        .map(({ key }) => key)
        .join(', ')} (${why})`,
  )
  return [
    `${fileName} is a configuration of the published code.`,
    set.length === 0 ? 'It sets nothing here.' : `It sets ${set.join(', ')}.`,
    ...(left.length === 0 ? [] : [`Ignored: ${left.join('; ')}.`]),
  ].join(' ')
}

function yamlEntries(text: string, fileName: string): Entry[] {
  assertShort(text, fileName)
  const lines = new LineCounter()
  const document = parsed(text, lines, fileName)
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `line ${line}, column ${col}:\n${excerpt(text.split('\n')[line - 1] ?? '', Math.max(0, col - 1))}`
  }
  const problem = document.errors[0]
  if (problem !== undefined) {
    throw new Text2LiveError(
      'CONFIG_INVALID',
      `${fileName} is not valid YAML, at ${at(problem.pos[0])}${problem.message.trim()}. Correct that line.`,
    )
  }
  if (document.contents === null) return []
  if (!isMap(document.contents)) {
    throw new Text2LiveError(
      'CONFIG_INVALID',
      `${fileName} must be a list of "option: value" lines, for example "prompt: golden teapot"; got something else, at ${at(0)}`.trimEnd(),
    )
  }
  const values = plainValues(document, fileName)
  return document.contents.items.map(({ key }) => {
    if (!isScalar(key))
      throw new Text2LiveError(
        'CONFIG_INVALID',
        `${fileName} has a key that is no word, number or text. Write "option: value" lines, for example "prompt: golden teapot".`,
      )
    const line = Array.isArray(key.range) ? lines.linePos(key.range[0]).line : 0
    return { key: String(key), value: values[String(key)], place: `${fileName}:${line}` }
  })
}

/** @throws CONFIG_INVALID before anything whose time or memory grows faster than the text */
function assertShort(text: string, fileName: string): void {
  const tooLong = (what: string): Text2LiveError =>
    new Text2LiveError(
      'CONFIG_INVALID',
      `${fileName} has ${what}, which no configuration needs. Give a file of "option: value" lines.`,
    )
  if (text.length > longestConfig) throw tooLong(`more than ${longestConfig} characters`)
  let count = 0
  for (const _ of new Lexer().lex(text))
    if (++count > mostLexemes) throw tooLong(`more than ${mostLexemes} words and signs`)
}

function parsed(text: string, lineCounter: LineCounter, fileName: string): ReturnType<typeof parseDocument> {
  try {
    // Warnings of the package would be printed, with the file's text in them.
    return parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' })
  } catch (cause) {
    // It calls itself for each level.
    throw new Text2LiveError(
      'CONFIG_INVALID',
      `${fileName} is nested too deeply (${cause instanceof Error ? cause.message : String(cause)}). Give a file of "option: value" lines.`,
      { cause },
    )
  }
}

/** The line around a column, and a mark under it. */
function excerpt(line: string, column: number): string {
  const from = Math.max(0, column - 80)
  const before = printable(line.slice(from, column))
  return `  ${before}${printable(line.slice(column, from + 160))}\n  ${' '.repeat(before.length)}^\n`
}

/**
 * The values with anchors followed; a file that unfolds into thousands of copies of itself is refused by the parser.
 */
function plainValues(document: Document, fileName: string): Record<string, unknown> {
  try {
    return document.toJS() as Record<string, unknown>
  } catch (cause) {
    throw new Text2LiveError(
      'CONFIG_INVALID',
      `${fileName} cannot be read: ${(cause as Error).message}. Write its values out.`,
      { cause },
    )
  }
}

function readPublished(
  table: OptionTable,
  { key, value, place }: Entry,
  entries: readonly Entry[],
  options: Record<string, unknown>,
  ignored: Ignored[],
): void {
  const meaning: PublishedKey = table.published[key]!
  if ('ignored' in meaning) ignored.push({ key, why: meaning.ignored })
  else if ('follows' in meaning) {
    const other = entries.find((entry) => entry.key === meaning.follows)?.value ?? meaning.or
    if (value !== other) {
      throw new Text2LiveError(
        'CONFIG_INVALID',
        `${key} (${place}) must be what ${meaning.follows} is, since ${meaning.because}; got ${JSON.stringify(value)}, and ${meaning.follows} is ${JSON.stringify(other)}. ` +
          'Set both to one value.',
      )
    }
  } else if ('only' in meaning) {
    if (value !== meaning.only) {
      throw new Text2LiveError(
        'CONFIG_INVALID',
        `${key} (${place}) can only be ${meaning.only} here, since ${meaning.because}; got ${shownValue(value)}. ` +
          `Remove the line or set it to ${meaning.only}.`,
      )
    }
  } else if ('value' in meaning) {
    if (value === true) options[meaning.option] = meaning.value
  } else if (value !== meaning.off) {
    const given = Array.isArray(value) ? (value as unknown[]).filter((each) => !isEmpty(each)) : value
    options[meaning.option] = parseRow(rowOf(table, meaning.option), given, `${key} (${place})`)
  }
}

/** Our option of this key: camelCase, kebab-case, or the same words with underscores (`lambda_sparsity`). */
function ownName(table: OptionTable, { key, place }: Entry): string {
  const names = Object.keys(table.rows).filter((name) => isConfigOption(table, name))
  const name = names.find((own) => own === key || kebabCase(own) === key.replaceAll('_', '-'))
  if (name !== undefined) return name
  const other = table.command === 'image' ? videoTable : imageTable
  if (
    Object.hasOwn(other.published, key) ||
    Object.keys(other.rows).some((own) => own === key || kebabCase(own) === key.replaceAll('_', '-'))
  ) {
    throw new Text2LiveError(
      'CONFIG_UNKNOWN_KEY',
      `${place}: "${key}" is an option for ${other.command === 'video' ? 'clips' : 'photos'} only. ` +
        `Give the file to text2live ${other.command}, or remove the line.`,
    )
  }
  const known = [...names, ...Object.keys(table.published)]
  throw new Text2LiveError(
    'CONFIG_UNKNOWN_KEY',
    `${place}: there is no option "${key}". The nearest is "${nearestName(key.slice(0, 100), known)}". ` +
      'Correct the name or remove the line; docs/options.md lists all.',
  )
}

/** A file may set all but the options that only steer one call of the command. */
const isConfigOption = (table: OptionTable, name: string): boolean =>
  rowOf(table, name).command !== true || name === 'out' || name === 'seeds'

function assertVersion({ value, place }: Entry): void {
  if (value === configVersion) return
  throw new Text2LiveError(
    'CONFIG_INVALID',
    `${place}: this program reads configVersion ${configVersion}; got ${shownValue(value)}. Use the version of text2live that wrote the file.`,
  )
}
