import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml'
import { Text2LiveError } from '../errors.js'
import { kebabCase, optionNames, optionRow, type GivenOptions, type OptionName } from './imageOptions.js'
import { nearestName } from './nearestName.js'
import { parseOption } from './parseOption.js'
import { publishedDeviceNote, publishedKeys } from './publishedConfig.js'

/** A config file, read. */
interface ConfigFile {
  readonly options: GivenOptions
  /** One line each: keys of the published code that are accepted and mean nothing here. */
  readonly notes: readonly string[]
  /** The file speaks the published code's keys. */
  readonly published: boolean
}

/** Version of the run folder's config.yaml; a later program refuses what it cannot read. */
export const configVersion = 1

interface Entry {
  readonly key: string
  readonly value: unknown
  /** `name:line`, for messages. */
  readonly place: string
}

/**
 * Options from YAML text: our own keys (camelCase or kebab-case) or those of the published code, unchanged.
 * @param fileName for messages only
 * @throws CONFIG_INVALID with line, column and an excerpt; CONFIG_UNKNOWN_KEY naming the nearest; OPTION_INVALID; PROMPT_EMPTY
 */
export function readConfig(text: string, fileName: string): ConfigFile {
  const entries = yamlEntries(text, fileName)
  const published = entries.some(({ key }) => Object.hasOwn(publishedKeys, key))
  const options: Partial<Record<OptionName, unknown>> = {}
  const notes: string[] = []
  for (const entry of entries) {
    if (entry.value === null || entry.value === undefined) continue
    if (entry.key === 'configVersion') assertVersion(entry)
    else if (published && entry.key === 'device') notes.push(`${entry.key}: ${publishedDeviceNote}`)
    else if (Object.hasOwn(publishedKeys, entry.key)) readPublished(entry, options, notes)
    else {
      const name = ownName(entry)
      options[name] = parseOption(name, entry.value, `${entry.key} (${entry.place})`)
    }
  }
  // The published code computes no bootstrap loss when bootstrap_epoch is -1, whatever bootstrap_text says.
  if (options.region !== undefined && entries.some(({ key, value }) => key === 'bootstrap_epoch' && value === -1)) options.bootstrapSteps = 0
  return { options: options as GivenOptions, notes, published }
}

function yamlEntries(text: string, fileName: string): Entry[] {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `line ${line}, column ${col}:\n  ${text.split('\n')[line - 1] ?? ''}\n  ${' '.repeat(Math.max(0, col - 1))}^\n`
  }
  const problem = document.errors[0]
  if (problem !== undefined) {
    throw new Text2LiveError('CONFIG_INVALID', `${fileName} is not valid YAML, at ${at(problem.pos[0])}${problem.message.trim()}. Correct that line.`)
  }
  if (document.contents === null) return []
  if (!isMap(document.contents)) {
    throw new Text2LiveError('CONFIG_INVALID',
      `${fileName} must be a list of "option: value" lines, for example "prompt: golden teapot"; got something else, at ${at(0)}`.trimEnd())
  }
  const values = plainValues(document, fileName)
  return document.contents.items.map(({ key }) => {
    const line = isScalar(key) && Array.isArray(key.range) ? lines.linePos(key.range[0]).line : 0
    return { key: String(key), value: values[String(key)], place: `${fileName}:${line}` }
  })
}

/** The values with anchors followed; a file that unfolds into thousands of copies of itself is refused by the parser. */
function plainValues(document: Document, fileName: string): Record<string, unknown> {
  try {
    return document.toJS() as Record<string, unknown>
  } catch (cause) {
    throw new Text2LiveError('CONFIG_INVALID', `${fileName} cannot be read: ${(cause as Error).message}. Write its values out.`, { cause })
  }
}

function readPublished(entry: Entry, options: Partial<Record<OptionName, unknown>>, notes: string[]): void {
  const { key, value, place } = entry
  const meaning = publishedKeys[key]
  if (meaning === undefined) return
  if ('ignored' in meaning) notes.push(`${key}: ${meaning.ignored}`)
  else if ('only' in meaning) {
    if (value !== meaning.only) {
      throw new Text2LiveError('CONFIG_INVALID',
        `${key} (${place}) can only be ${meaning.only} here, since ${meaning.because}; got ${JSON.stringify(value)}. `
        + `Remove the line or set it to ${meaning.only}.`)
    }
  } else if (value !== meaning.off) options[meaning.option] = parseOption(meaning.option, value, `${key} (${place})`)
}

/** Our option of this key: camelCase, kebab-case, or the same words with underscores (`lambda_sparsity`). */
function ownName({ key, place }: Entry): OptionName {
  const name = configNames.get(key.replaceAll('_', '-')) ?? configNames.get(key)
  if (name !== undefined) return name
  const known = [...optionNames.filter(isConfigOption), ...Object.keys(publishedKeys)]
  throw new Text2LiveError('CONFIG_UNKNOWN_KEY', `${place}: there is no option "${key}". The nearest is "${nearestName(key, known)}". `
    + 'Correct the name or remove the line; docs/options.md lists all.')
}

/** A file may set all but the options that only steer one call of the command. */
const isConfigOption = (name: OptionName): boolean => optionRow(name).command !== true || name === 'out' || name === 'seeds'

const configNames = new Map(optionNames.filter(isConfigOption).flatMap((name) => [[name as string, name], [kebabCase(name), name]] as const))

function assertVersion({ value, place }: Entry): void {
  if (value === configVersion) return
  throw new Text2LiveError('CONFIG_INVALID',
    `${place}: this program reads configVersion ${configVersion}; got ${JSON.stringify(value)}. Use the version of text2live that wrote the file.`)
}
