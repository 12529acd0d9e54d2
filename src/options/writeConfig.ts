import { stringify } from 'yaml'
import { configVersion } from './configFile.js'
import type { ImageSettings } from './imageOptions.js'
import { imageTable } from './imageTable.js'
import { type OptionTable, settingNamesOf } from './optionTable.js'

/**
 * The settings as config.yaml: complete, in the order of the option table, read back by `readConfig`.
 * @param seeds number of variations, in the folder that holds several
 */
export function writeConfig(settings: ImageSettings, seeds = 1): string {
  return writeTableConfig(imageTable, settings, seeds > 1 ? { seeds } : {})
}

/** The same for the settings of any command, with `more` keys before them. */
export function writeTableConfig(table: OptionTable, settings: object, more: Readonly<Record<string, unknown>> = {}): string {
  const values = settings as Readonly<Record<string, unknown>>
  const entries = settingNamesOf(table).filter((name) => values[name] !== null).map((name) => [name, values[name]] as const)
  return stringify({ configVersion, ...more, ...Object.fromEntries(entries) }, { lineWidth: 0, aliasDuplicateObjects: false })
}
