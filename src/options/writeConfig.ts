import { Document, Scalar, visit } from 'yaml'
import { escapeUnicode, isPrintable } from '../printable.js'
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
export function writeTableConfig(
  table: OptionTable,
  settings: object,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const values = settings as Readonly<Record<string, unknown>>
  const entries = settingNamesOf(table)
    .filter((name) => values[name] !== null)
    .map((name) => [name, values[name]] as const)
  const document = new Document(
    { configVersion, ...more, ...Object.fromEntries(entries) },
    { aliasDuplicateObjects: false },
  )
  // Only quoted text has escapes. Whoever prints the file sees them, in place of what a pasted text may have brought.
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && !isPrintable(node.value)) node.type = Scalar.QUOTE_DOUBLE
    },
  })
  return escapeUnicode(document.toString({ lineWidth: 0 }))
}
