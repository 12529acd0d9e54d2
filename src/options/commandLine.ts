import type { ImageSettings } from './imageOptions.js'
import { imageTable } from './imageTable.js'
import { kebabCase } from './optionRow.js'
import { type OptionTable, rowOf } from './optionTable.js'
import type { OptionValue } from './parseOption.js'
import type { VideoSettings } from './videoOptions.js'
import { videoTable } from './videoTable.js'

/** What names the machine or the files of a run; a person says these anew. */
const ofTheRun: ReadonlySet<string> = new Set([
  'photo',
  'clip',
  'prompt',
  'preset',
  'mask',
  'object',
  'device',
  'threads',
  'over',
])

type Flag = readonly [name: string, value: string | null]

/**
 * The command that makes the same edit, for a POSIX shell: what the preset does not say itself, each word quoted where
 * it must be.
 * @param settings complete, of a run
 * @param photo path of the photo
 * @param mask path of the mask, where there is one
 * @param over paths of the runs that it stands on, the lowest first
 */
export const commandLine = (
  settings: ImageSettings,
  photo: string,
  { mask = null, over = [] }: { readonly mask?: string | null; readonly over?: readonly string[] } = {},
): string => lineOf(imageTable, settings, photo, [['mask', mask], ...over.map((run): Flag => ['over', run])])

/**
 * The same for a clip.
 * @param object path of the mask of the object, or of the folder of them, where there is one
 * @param mask path of the mask that bounds the edit, where there is one
 * @param over paths of the runs that it stands on, the lowest first, whose atlas it takes
 */
export function clipCommandLine(
  settings: VideoSettings,
  clip: string,
  {
    object = null,
    mask = null,
    over = [],
  }: { readonly object?: string | null; readonly mask?: string | null; readonly over?: readonly string[] } = {},
): string {
  const { atlas: _, ...others } = settings
  return lineOf(videoTable, over.length > 0 ? others : settings, clip, [
    ['object', object],
    ['mask', mask],
    ...over.map((run): Flag => ['over', run]),
  ])
}

function lineOf(
  table: OptionTable,
  settings: ImageSettings | VideoSettings | Omit<VideoSettings, 'atlas'>,
  input: string,
  files: readonly Flag[],
): string {
  const [first, ...others] = settings.prompt
  const words = ['npx', 'text2live', table.command, input, ...(first === undefined ? [] : [first])]
  for (const other of others) words.push('--prompt', other)
  if (settings.preset !== rowOf(table, 'preset').default) words.push('--preset', settings.preset)
  for (const [name, value] of files) if (value !== null) words.push(`--${name}`, value)
  const base: Readonly<Record<string, unknown>> = { ...table.presets[settings.preset] }
  const values = settings as unknown as Readonly<Record<string, OptionValue | null>>
  for (const [name, value] of Object.entries(values)) {
    const row = table.rows[name]
    if (row === undefined || ofTheRun.has(name) || value === null) continue
    const sameAs = row.sameAs === undefined ? undefined : values[row.sameAs]
    if ([base[name] ?? row.default, sameAs].some((other) => other !== undefined && equal(other, value))) continue
    const flag = `--${kebabCase(name)}`
    if (typeof value === 'boolean') words.push(value ? flag : `--no-${kebabCase(name)}`)
    else for (const one of typeof value === 'object' ? value : [value]) words.push(flag, String(one))
  }
  return words.map(quoted).join(' ')
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** A word that a POSIX shell takes as it is. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
