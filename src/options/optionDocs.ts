import { imageTable } from './imageTable.js'
import { kebabCase, optionGroups, type OptionGroup, type OptionRow } from './optionRow.js'
import { type OptionTable, rowOf } from './optionTable.js'
import { describeValues, type OptionValue } from './parseOption.js'
import { videoTable } from './videoTable.js'

/** docs/options.md, from the option tables and the presets. */
export function renderOptionDocs(): string {
  return [
    ...tableSection(imageTable, {
      files: '`src/options/imageOptions.ts` and `src/options/presets.ts`',
      field: '`editImage`',
    }),
    ...tableSection(videoTable, {
      files: '`src/options/videoOptions.ts` and `src/options/videoPresets.ts`',
      field: '`editVideo`',
    }),
  ].join('\n')
}

function tableSection(
  table: OptionTable,
  { files, field }: { readonly files: string; readonly field: string },
): string[] {
  const groups = Object.keys(optionGroups) as OptionGroup[]
  return [
    `# Options of \`text2live ${table.command}\``,
    '',
    `Written by \`node scripts/writeOptionDocs.mjs\` from ${files}; do not edit by hand.`,
    '',
    `Each option is a flag of the command, a key of a \`--config\` file (as named here, or as the flag without \`--\`) and a field of ${field}.`,
    'Flags override the config file, the config file overrides the preset, the preset overrides the defaults.',
    `The defaults below are those of the preset \`${String(rowOf(table, 'preset').default)}\`; the table at the end shows the others.`,
    '',
    ...groups.flatMap((group) => groupSection(table, group)),
    ...presetSection(table),
  ]
}

function groupSection(table: OptionTable, group: OptionGroup): string[] {
  const names = Object.keys(table.rows).filter((name) => rowOf(table, name).group === group)
  if (names.length === 0) return []
  return [
    `## ${optionGroups[group]}`,
    '',
    '| option | flag | takes | default | meaning |',
    '|--|--|--|--|--|',
    ...names.map((name) => {
      const row = rowOf(table, name)
      return `| \`${name}\` | ${[flagCell(name, row), ...[describeValues(row), describeDefault(name, table), meaning(row)].map(cell)].join(' | ')} |`
    }),
    '',
  ]
}

function presetSection(table: OptionTable): string[] {
  const presetNames = Object.keys(table.presets)
  const changed = Object.keys(table.rows).filter(
    (name) => rowOf(table, name).preset && presetNames.some((preset) => presetValue(table, preset, name) !== undefined),
  )
  const inPreset = (preset: string, name: string): string =>
    plainValue(presetValue(table, preset, name)) ?? plainDefault(rowOf(table, name))
  return [
    '## Presets',
    '',
    `| option | ${presetNames.join(' | ')} |`,
    `|--|${presetNames.map(() => '--').join('|')}|`,
    ...changed.map((name) => `| \`${name}\` | ${presetNames.map((preset) => inPreset(preset, name)).join(' | ')} |`),
    '',
  ]
}

const presetValue = (table: OptionTable, preset: string, name: string): OptionValue | undefined =>
  table.presets[preset]![name]

function plainValue(value: OptionValue | undefined): string | undefined {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return value === undefined ? undefined : String(value)
}

function flagCell(name: string, row: OptionRow): string {
  const flags = [
    row.short === undefined ? '' : `\`-${row.short}\``,
    `\`--${kebabCase(name)}\``,
    row.positional === undefined ? '' : `argument ${row.positional + 1}`,
  ]
  return flags.filter((flag) => flag !== '').join(', ')
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The default as a person meets it, that is with the default preset: "8", "same as --prompt", "none". */
export function describeDefault(name: string, table: OptionTable = imageTable): string {
  const value = presetValue(table, String(rowOf(table, 'preset').default), name)
  const row = rowOf(table, name)
  return plainDefault(value === undefined ? row : ({ ...row, default: value } as OptionRow))
}

function plainDefault(row: OptionRow): string {
  if (row.sameAs !== undefined) return `same as --${kebabCase(row.sameAs)}`
  if (row.type === 'switch') return row.default ? 'on' : 'off'
  if (row.default === null || (Array.isArray(row.default) && row.default.length === 0)) return 'none'
  if ((row.type === 'number' || row.type === 'integer') && row.default === row.also?.value) return row.also.meaning
  return Array.isArray(row.default) ? row.default.join(', ') : String(row.default)
}

function meaning(row: OptionRow): string {
  if (row.type !== 'choice') return row.help
  return `${row.help}: ${Object.entries(row.choices)
    .map(([choice, text]) => `\`${choice}\` ${text}`)
    .join('; ')}`
}
