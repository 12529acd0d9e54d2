import { Option, type Command } from 'commander'
import type { GivenOptions } from '../options/imageOptions.js'
import { imageTable } from '../options/imageTable.js'
import { describeDefault } from '../options/optionDocs.js'
import { kebabCase, optionGroups, type OptionGroup, type OptionRow } from '../options/optionRow.js'
import { type OptionTable, rowOf } from '../options/optionTable.js'
import { describeValues, parseRow } from '../options/parseOption.js'
import { TableOption } from './tableOption.js'

/**
 * Adds the flags of all options of a command, or of those named, under their headings.
 * @param help what the command does with an option that another command uses otherwise
 */
export function addOptionFlags(
  command: Command,
  names: readonly string[] = Object.keys(imageTable.rows),
  table: OptionTable = imageTable,
  help: Readonly<Record<string, string>> = {},
): void {
  for (const group of Object.keys(optionGroups) as OptionGroup[]) {
    for (const name of names) {
      const row = rowOf(table, name)
      if (row.group === group) addFlag(command, name, table, help[name] ?? description(name, table))
    }
  }
}

/** What a preset is to a command without `--config`. */
export const presetHelp = `a table of settings; flags override it: ${describeValues(rowOf(imageTable, 'preset'))} (default: ${describeDefault('preset', imageTable)})`

function addFlag(command: Command, name: string, table: OptionTable, help: string): void {
  const row = rowOf(table, name)
  const heading = `${optionGroups[row.group]}:`
  const flag = `--${kebabCase(name)}`
  const flags = `${row.short === undefined ? '' : `-${row.short}, `}${flag}${placeholder(row)}`
  const option = new TableOption(flags, help, row).helpGroup(heading)
  if (row.type === 'texts' || row.type === 'paths') {
    option.argParser((value: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      ...(parseRow(row, value, flag) as readonly string[]),
    ])
  } else if (row.type !== 'switch') option.argParser((value: string) => parseRow(row, value, flag))
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

function description(name: string, table: OptionTable): string {
  const row = rowOf(table, name)
  const value = describeDefault(name, table)
  if (row.type === 'choice') return `${row.help}: ${describeValues(row)} (default: ${value})`
  if (row.type === 'switch') return value === 'on' ? `${row.help} (default: on; --no-${kebabCase(name)})` : row.help
  const unset = row.default === null && row.sameAs === undefined
  const none = Array.isArray(row.default) && row.default.length === 0 && row.sameAs === undefined
  return unset || none ? row.help : `${row.help} (default: ${value})`
}

/** What commander parsed, as options; flags that were not given are absent. */
export function givenFlags(parsed: Readonly<Record<string, unknown>>): GivenOptions {
  return givenTableFlags(parsed, imageTable)
}

/** The same for the options of any command. */
export function givenTableFlags(
  parsed: Readonly<Record<string, unknown>>,
  table: OptionTable,
): Record<string, unknown> {
  const given = Object.keys(table.rows).filter((name) => parsed[name] !== undefined)
  return Object.fromEntries(given.map((name) => [name, parsed[name]]))
}
