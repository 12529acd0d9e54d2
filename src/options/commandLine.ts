import { imageOptions, type ImageSettings } from './imageOptions.js'
import { kebabCase, type OptionRow } from './optionRow.js'
import { presets } from './presets.js'

/** What names the machine or the files of a run; a person says these anew. */
const ofTheRun: ReadonlySet<string> = new Set(['photo', 'prompt', 'preset', 'mask', 'device', 'threads', 'over'])

/**
 * The command that makes the same edit, for a POSIX shell: what the preset does not say itself, each word quoted where
 * it must be.
 * @param settings complete, of a run
 * @param photo path of the photo
 * @param mask path of the mask, where there is one
 * @param over paths of the runs that it stands on, the lowest first
 */
export function commandLine(
  settings: ImageSettings,
  photo: string,
  { mask = null, over = [] }: { readonly mask?: string | null; readonly over?: readonly string[] } = {},
): string {
  const [first, ...others] = settings.prompt
  const words = ['npx', 'text2live', 'image', photo, ...(first === undefined ? [] : [first])]
  for (const other of others) words.push('--prompt', other)
  if (settings.preset !== imageOptions.preset.default) words.push('--preset', settings.preset)
  if (mask !== null) words.push('--mask', mask)
  for (const run of over) words.push('--over', run)
  const base: Readonly<Record<string, unknown>> = { ...presets[settings.preset] }
  for (const [name, value] of Object.entries(settings)) {
    const row = (imageOptions as Readonly<Record<string, OptionRow>>)[name]
    if (row === undefined || ofTheRun.has(name) || value === null) continue
    const sameAs = row.sameAs === undefined ? undefined : settings[row.sameAs as keyof ImageSettings]
    if ([base[name] ?? row.default, sameAs].some((other) => other !== undefined && equal(other, value))) continue
    const flag = `--${kebabCase(name)}`
    if (typeof value === 'boolean') words.push(value ? flag : `--no-${kebabCase(name)}`)
    else for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) words.push(flag, String(one))
  }
  return words.map(quoted).join(' ')
}

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** A word that a POSIX shell takes as it is. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
