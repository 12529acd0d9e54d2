import { stringify } from 'yaml'
import { configVersion } from './configFile.js'
import { settingNames, type ImageSettings } from './imageOptions.js'

/**
 * The settings as config.yaml: complete, in the order of the option table, read back by `readConfig`.
 * @param seeds number of variations, in the folder that holds several
 */
export function writeConfig(settings: ImageSettings, seeds = 1): string {
  const entries = settingNames.filter((name) => settings[name] !== null).map((name) => [name, settings[name]] as const)
  return stringify({ configVersion, ...(seeds > 1 ? { seeds } : {}), ...Object.fromEntries(entries) }, { lineWidth: 0, aliasDuplicateObjects: false })
}
