import { stringify } from 'yaml'
import { configVersion } from './configFile.js'
import { settingNames, type ImageSettings } from './imageOptions.js'

/** The settings as config.yaml: complete, in the order of the option table, read back by `readConfig`. */
export function writeConfig(settings: ImageSettings): string {
  const entries = settingNames.filter((name) => settings[name] !== null).map((name) => [name, settings[name]] as const)
  return stringify({ configVersion, ...Object.fromEntries(entries) }, { lineWidth: 0, aliasDuplicateObjects: false })
}
