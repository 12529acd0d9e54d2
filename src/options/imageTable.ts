import { imageOptions } from './imageOptions.js'
import type { OptionTable } from './optionTable.js'
import { presets } from './presets.js'
import { publishedKeys } from './publishedConfig.js'

/** The options of `text2live image`. */
export const imageTable: OptionTable = { command: 'image', rows: imageOptions, presets, published: publishedKeys }
