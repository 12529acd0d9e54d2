import { Text2LiveError } from '../errors.js'
import { imageOptions, optionFlag, optionNames, optionRow, settingNames,
  type GivenOptions, type ImageSettings, type OptionName } from './imageOptions.js'
import { nearestName } from './nearestName.js'
import { parseOption, type OptionValue } from './parseOption.js'
import { presets, type PresetName } from './presets.js'

/** The smallest side that the 7-level generator takes, px: reflection padding at its bottleneck. */
export const minGeneratorSide = 129

/**
 * The settings of a run: defaults < preset < config files, in order < flags. The result is complete and plain data.
 * @param layers lowest first; null and undefined values are "not set"
 * @param drawSeed called when no seed is set; an unsigned 32-bit number
 * @throws OPTION_INVALID, OPTION_UNKNOWN, PROMPT_EMPTY
 */
export function resolveSettings(layers: readonly GivenOptions[], drawSeed: () => number): ImageSettings {
  const given = layers.map(validateOptions)
  const preset = last(given, 'preset') ?? optionRow('preset').default
  const stack = [presets[preset as PresetName] as Partial<Record<OptionName, OptionValue>>, ...given]
  const value = (name: OptionName): OptionValue | null => {
    const row = optionRow(name)
    const own = last(stack, name)
    if (own !== undefined && !(Array.isArray(own) && own.length === 0)) return own
    return row.sameAs === undefined ? row.default : value(row.sameAs as OptionName)
  }
  const settings = Object.fromEntries(settingNames.map((name) => [name, value(name)])) as unknown as ImageSettings
  const resolved = settings.seed === -1 ? { ...settings, seed: drawSeed() >>> 0 } : settings
  assertConsistent(resolved)
  return resolved
}

/** Each given option validated by its row; unset ones dropped. */
export function validateOptions(options: GivenOptions): Partial<Record<OptionName, OptionValue>> {
  const valid: Partial<Record<OptionName, OptionValue>> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null) continue
    if (!isOptionName(name)) {
      throw new Text2LiveError('OPTION_UNKNOWN', `There is no option "${name}". The nearest is "${nearestName(name, optionNames)}".`)
    }
    valid[name] = parseOption(name, value, name)
  }
  return valid
}

const isOptionName = (name: string): name is OptionName => Object.hasOwn(imageOptions, name)

function last(stack: readonly Partial<Record<OptionName, OptionValue>>[], name: OptionName): OptionValue | undefined {
  return stack.findLast((layer) => layer[name] !== undefined)?.[name]
}

/** Rules between options. */
function assertConsistent(settings: ImageSettings): void {
  const { scaleMin, scaleMax, cropsMinCover, size } = settings
  if (scaleMin > scaleMax) {
    throw new Text2LiveError('OPTION_INVALID',
      `${optionFlag('scaleMin')} must not exceed ${optionFlag('scaleMax')}; got ${scaleMin} and ${scaleMax}.`)
  }
  if (size !== 0) assertTrainable(size, scaleMin, cropsMinCover)
}

/**
 * The smallest crop of a photo with this short side must be one that the generator takes.
 * @throws OPTION_INVALID
 */
export function assertTrainable(shortSide: number, scaleMin: number, cropsMinCover: number): void {
  const smallest = Math.floor(Math.floor(shortSide * scaleMin) * cropsMinCover)
  if (smallest >= minGeneratorSide) return
  const needed = Math.ceil(Math.ceil(minGeneratorSide / cropsMinCover) / scaleMin)
  throw new Text2LiveError('OPTION_INVALID',
    `The generator needs crops of at least ${minGeneratorSide} px; a short side of ${shortSide} px with ${optionFlag('scaleMin')} ${scaleMin} and `
    + `${optionFlag('cropsMinCover')} ${cropsMinCover} gives ${smallest} px. Use ${optionFlag('size')} ${needed} or more, or raise those two.`)
}
