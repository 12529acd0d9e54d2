import type { OptionTable } from './optionTable.js'
import { publishedVideoKeys } from './publishedVideoConfig.js'
import { videoOptions } from './videoOptions.js'
import { videoPresets } from './videoPresets.js'

/** The options of `text2live video`. */
export const videoTable: OptionTable = {
  command: 'video',
  rows: videoOptions,
  presets: videoPresets,
  published: publishedVideoKeys,
}
