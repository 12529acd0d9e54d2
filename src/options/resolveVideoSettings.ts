import { Text2LiveError } from '../errors.js'
import { assertPrecision, minGeneratorSide, resolveTable } from './resolveSettings.js'
import type { GivenVideoOptions, VideoSettings } from './videoOptions.js'
import { videoTable } from './videoTable.js'

/**
 * The settings of a video run: defaults < preset < config files, in order < flags. The result is complete and plain
 * data.
 * @param layers lowest first; null and undefined values are "not set"
 * @param drawSeed called when no seed is set; an unsigned 32-bit number
 * @throws OPTION_INVALID, OPTION_UNKNOWN, PROMPT_EMPTY
 */
export function resolveVideoSettings(layers: readonly GivenVideoOptions[], drawSeed: () => number): VideoSettings {
  const settings = resolveTable(videoTable, layers, drawSeed) as unknown as VideoSettings
  assertPrecision(settings)
  const { scaleMin, scaleMax, size, trainSize, cropsMinCover, point } = settings
  if (scaleMin > scaleMax)
    throw new Text2LiveError(
      'OPTION_INVALID',
      `--scale-min must not exceed --scale-max; got ${scaleMin} and ${scaleMax}.`,
    )
  const side = trainSize === 0 ? size : trainSize
  const smallest = Math.floor(side * cropsMinCover)
  if (side !== 0 && smallest < minGeneratorSide) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `The generator needs crops of at least ${minGeneratorSide} px; frames with a short side of ${side} px and --crops-min-cover ${cropsMinCover} give ${smallest} px. ` +
        `Use ${trainSize === 0 ? '--size' : '--train-size'} ${Math.ceil(minGeneratorSide / cropsMinCover)} or more.`,
    )
  }
  if (point !== null && !/^\d+,\d+(,\d+)?$/.test(point)) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `--point takes x,y in pixels of the clip, or x,y,frame, for example 400,220,0; got "${point}".`,
    )
  }
  return settings
}
