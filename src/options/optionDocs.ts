import { imageOptions, optionFlag, optionNames, optionRow, type OptionName } from './imageOptions.js'
import { optionGroups, type OptionGroup, type OptionRow } from './optionRow.js'
import { describeValues, type OptionValue } from './parseOption.js'
import { presets, type PresetName } from './presets.js'

/** docs/options.md, from the option table and the presets. */
export function renderOptionDocs(): string {
  const groups = Object.keys(optionGroups) as OptionGroup[]
  return [
    '# Options of `text2live image`',
    '',
    'Written by `node scripts/writeOptionDocs.mjs` from `src/options/imageOptions.ts` and `src/options/presets.ts`; do not edit by hand.',
    '',
    'Each option is a flag of the command, a key of a `--config` file (as named here, or as the flag without `--`) and a field of `editImage`.',
    'Flags override the config file, the config file overrides the preset, the preset overrides the defaults.',
    `The defaults below are those of the preset \`${imageOptions.preset.default}\`; the table at the end shows the others.`,
    '',
    ...groups.flatMap(groupSection),
    ...presetSection(),
  ].join('\n')
}

function groupSection(group: OptionGroup): string[] {
  const names = optionNames.filter((name) => imageOptions[name].group === group)
  return [
    `## ${optionGroups[group]}`,
    '',
    '| option | flag | takes | default | meaning |',
    '|--|--|--|--|--|',
    ...names.map((name) => {
      const row = optionRow(name)
      return `| \`${name}\` | ${[flagCell(name), ...[describeValues(row), describeDefault(name), meaning(row)].map(cell)].join(' | ')} |`
    }),
    '',
  ]
}

function presetSection(): string[] {
  const presetNames = Object.keys(presets) as PresetName[]
  const changed = optionNames.filter((name) => imageOptions[name].preset && presetNames.some((preset) => presetValue(preset, name) !== undefined))
  return [
    '## Presets',
    '',
    `| option | ${presetNames.join(' | ')} |`,
    `|--|${presetNames.map(() => '--').join('|')}|`,
    ...changed.map((name) => `| \`${name}\` | ${presetNames.map((preset) => inPreset(preset, name)).join(' | ')} |`),
    '',
  ]
}

const presetValue = (preset: PresetName, name: OptionName): OptionValue | undefined =>
  (presets[preset] as Partial<Record<OptionName, OptionValue>>)[name]

const inPreset = (preset: PresetName, name: OptionName): string => plainValue(presetValue(preset, name)) ?? plainDefault(optionRow(name))

function plainValue(value: OptionValue | undefined): string | undefined {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return value === undefined ? undefined : String(value)
}

const flagCell = (name: OptionName): string => {
  const row = optionRow(name)
  const flags = [
    row.short === undefined ? '' : `\`-${row.short}\``, `\`${optionFlag(name)}\``, row.positional === undefined ? '' : `argument ${row.positional + 1}`,
  ]
  return flags.filter((flag) => flag !== '').join(', ')
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The default as a person meets it, that is with the default preset: "8", "same as --prompt", "none". */
export function describeDefault(name: OptionName): string {
  const value = presetValue(imageOptions.preset.default, name)
  const row = optionRow(name)
  return plainDefault(value === undefined ? row : { ...row, default: value } as OptionRow)
}

function plainDefault(row: OptionRow): string {
  if (row.sameAs !== undefined) return `same as ${optionFlag(row.sameAs as OptionName)}`
  if (row.type === 'switch') return row.default ? 'on' : 'off'
  if (row.default === null || (Array.isArray(row.default) && row.default.length === 0)) return 'none'
  if ((row.type === 'number' || row.type === 'integer') && row.default === row.also?.value) return row.also.meaning
  return Array.isArray(row.default) ? row.default.join(', ') : String(row.default)
}

function meaning(row: OptionRow): string {
  if (row.type !== 'choice') return row.help
  return `${row.help}: ${Object.entries(row.choices).map(([choice, text]) => `\`${choice}\` ${text}`).join('; ')}`
}
