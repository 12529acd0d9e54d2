import { type OptionTable, rowOf, settingNamesOf } from '../options/optionTable.js'

/** Settings that name files; what is in the files is compared instead. */
const paths = ['photo', 'clip', 'object', 'mask']

/** The settings that differ and that a resumed run may not change: `views (checkpoint 6, now 4)`. */
export function differingSettings(table: OptionTable, saved: object, now: object): string[] {
  const [before, after] = [saved, now] as Readonly<Record<string, unknown>>[]
  return (
    settingNamesOf(table)
      .filter((name) => rowOf(table, name).free !== true && !paths.includes(name))
      // An option that did not exist when the run was made had its default.
      .filter(
        (name) =>
          JSON.stringify(before![name] ?? rowOf(table, name).default) !==
          JSON.stringify(after![name] ?? rowOf(table, name).default),
      )
      .map(
        (name) => `${name} (checkpoint ${JSON.stringify(before![name] ?? null)}, now ${JSON.stringify(after![name])})`,
      )
  )
}
