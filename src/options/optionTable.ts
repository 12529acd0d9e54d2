import type { OptionRow, OptionRows } from './optionRow.js'
import type { OptionValue } from './parseOption.js'

/** What a key of the published code's YAML becomes here. */
export type PublishedKey =
  /** Another name for one of our options; `off` is the published value that means "not set". */
  | { readonly option: string; readonly off?: unknown }
  /** A switch that, when it is on, sets one of our options to `value`. */
  | { readonly option: string; readonly value: OptionValue }
  /** Fixed here: any other value than this is refused, since it would be a different method. */
  | { readonly only: string | number | boolean; readonly because: string }
  /** Must have the value of this other key, which sets the option of both; alone, `or`. */
  | { readonly follows: string; readonly or: string | number; readonly because: string }
  /** Means nothing here; accepted with this note (no note where silence is right). */
  | { readonly ignored: string }

/** The options of one command and what sets them: flags, presets, config files, help and docs are derived from it. */
export interface OptionTable {
  readonly command: 'image' | 'video'
  readonly rows: OptionRows
  readonly presets: Readonly<Record<string, Readonly<Record<string, OptionValue>>>>
  /** Keys of the published code's config files. */
  readonly published: Readonly<Record<string, PublishedKey>>
}

/** The row of an option that the table has. */
export function rowOf(table: OptionTable, name: string): OptionRow {
  const row = table.rows[name]
  if (!row) throw new RangeError(`the options of "${table.command}" have no "${name}"`)
  return row
}

/** Options that are settings of a run (all but those that only steer the command). */
export function settingNamesOf(table: OptionTable): string[] {
  return Object.keys(table.rows).filter((name) => rowOf(table, name).command !== true)
}
