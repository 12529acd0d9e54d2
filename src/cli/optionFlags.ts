import { Option, type Command } from 'commander'
import { imageOptions, kebabCase, optionFlag, optionNames, optionRow, type GivenOptions, type OptionName } from '../options/imageOptions.js'
import { describeDefault } from '../options/optionDocs.js'
import { optionGroups, type OptionGroup, type OptionRow } from '../options/optionRow.js'
import { describeValues, parseOption } from '../options/parseOption.js'

/** Adds the flags of all options, or of those named, under their headings. */
export function addOptionFlags(command: Command, names: readonly OptionName[] = optionNames): void {
  for (const group of Object.keys(optionGroups) as OptionGroup[]) {
    for (const name of names) {
      if (imageOptions[name].group === group && optionRow(name).positional !== 0) addFlag(command, name)
    }
  }
}

function addFlag(command: Command, name: OptionName): void {
  const row = optionRow(name)
  const heading = `${optionGroups[row.group]}:`
  const flags = `${row.short === undefined ? '' : `-${row.short}, `}${optionFlag(name)}${placeholder(row)}`
  const option = new Option(flags, description(name)).helpGroup(heading)
  if (row.type === 'texts' || row.type === 'paths') {
    option.argParser((value: string, before: readonly string[] | undefined) => [...before ?? [], ...parseOption(name, value) as readonly string[]])
  } else if (row.type !== 'switch') option.argParser((value: string) => parseOption(name, value))
  command.addOption(option)
  // A switch that a preset or a config file turned on can be turned off.
  if (row.type === 'switch' && row.command !== true) command.addOption(new Option(`--no-${kebabCase(name)}`).hideHelp())
}

function placeholder(row: OptionRow): string {
  if (row.type === 'switch') return ''
  if (row.type === 'number' || row.type === 'integer') return ' <n>'
  if (row.type === 'choice') return ' <name>'
  return row.type === 'path' || row.type === 'paths' ? ' <path>' : ' <text>'
}

function description(name: OptionName): string {
  const row = optionRow(name)
  if (row.type === 'choice') return `${row.help}: ${describeValues(row)} (default: ${describeDefault(name)})`
  if (row.type === 'switch') return describeDefault(name) === 'on' ? `${row.help} (default: on; --no-${kebabCase(name)})` : row.help
  const unset = row.default === null && row.sameAs === undefined
  const none = Array.isArray(row.default) && row.default.length === 0 && row.sameAs === undefined
  return unset || none ? row.help : `${row.help} (default: ${describeDefault(name)})`
}

/** What commander parsed, as options; flags that were not given are absent. */
export function givenFlags(parsed: Readonly<Record<string, unknown>>): GivenOptions {
  return Object.fromEntries(optionNames.filter((name) => parsed[name] !== undefined).map((name) => [name, parsed[name]]))
}
