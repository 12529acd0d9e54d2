import { Text2LiveError } from '../errors.js'
import { optionFlag, type GivenOptions, type ImageSettings } from './imageOptions.js'
import { imageTable } from './imageTable.js'
import { nearestName } from './nearestName.js'
import { type OptionTable, rowOf, settingNamesOf } from './optionTable.js'
import { parseRow, type OptionValue } from './parseOption.js'

/**
 * The smallest side that the 7-level generator takes, px: reflection padding at its bottleneck. One of fewer levels is
 * given no less.
 */
export const minGeneratorSide = 129

type Layer = Readonly<Record<string, unknown>>
type ValidLayer = Readonly<Record<string, OptionValue>>

/**
 * The settings of a run: defaults < preset < config files, in order < flags. The result is complete and plain data.
 * @param layers lowest first; null and undefined values are "not set"
 * @param drawSeed called when no seed is set; an unsigned 32-bit number
 * @throws OPTION_INVALID, OPTION_UNKNOWN, PROMPT_EMPTY
 */
export function resolveSettings(layers: readonly GivenOptions[], drawSeed: () => number): ImageSettings {
  const settings = resolveTable(imageTable, layers, drawSeed) as unknown as ImageSettings
  assertConsistent(settings)
  return settings
}

/**
 * The same for the options of any command; rules between options are the caller's. @throws OPTION_INVALID,
 * OPTION_UNKNOWN, PROMPT_EMPTY
 */
export function resolveTable(
  table: OptionTable,
  layers: readonly Layer[],
  drawSeed: () => number,
): Record<string, OptionValue | null> {
  const given = layers.map((layer) => validateLayer(table, layer))
  const preset = (last(given, 'preset') ?? rowOf(table, 'preset').default) as string
  const stack = [table.presets[preset]!, ...given]
  const value = (name: string): OptionValue | null => {
    const row = rowOf(table, name)
    const own = last(stack, name)
    if (own !== undefined && !(Array.isArray(own) && own.length === 0)) return own
    return row.sameAs === undefined ? row.default : value(row.sameAs)
  }
  const settings = Object.fromEntries(settingNamesOf(table).map((name) => [name, value(name)]))
  return settings['seed'] === -1 ? { ...settings, seed: drawSeed() >>> 0 } : settings
}

/** Each given option validated by its row; unset ones dropped. */
export function validateOptions(options: GivenOptions): ValidLayer {
  return validateLayer(imageTable, options)
}

/** The same for the options of any command. @throws OPTION_INVALID, OPTION_UNKNOWN, PROMPT_EMPTY */
export function validateLayer(table: OptionTable, options: Layer): ValidLayer {
  const valid: Record<string, OptionValue> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null) continue
    if (!Object.hasOwn(table.rows, name)) {
      throw new Text2LiveError(
        'OPTION_UNKNOWN',
        `There is no option "${name}". The nearest is "${nearestName(name, Object.keys(table.rows))}".`,
      )
    }
    valid[name] = parseRow(rowOf(table, name), value, name)
  }
  return valid
}

function last(stack: readonly ValidLayer[], name: string): OptionValue | undefined {
  return stack.findLast((layer) => layer[name] !== undefined)?.[name]
}

/**
 * What follows the map of the region cannot be asked for with `--relevancy model`, where the map is made in each step
 * of what the step sees. A preset's values have no effect there.
 * @param layers what a person set, lowest first
 * @throws OPTION_INVALID
 */
export function assertRegionMap(layers: readonly Layer[], { relevancy }: Pick<ImageSettings, 'relevancy'>): void {
  if (relevancy !== 'model') return
  for (const name of ['regionBound', 'sparsityMap'] as const) {
    const value = Number(layers.findLast((layer) => layer[name] !== undefined && layer[name] !== null)?.[name] ?? 0)
    if (value === 0) continue
    const flag = optionFlag(name)
    throw new Text2LiveError(
      'OPTION_INVALID',
      `${flag} needs the map of the region that ${optionFlag('relevancy')} object or edges makes before training; with ${optionFlag('relevancy')} model there is none, ` +
        `and ${flag} is ${value}. Choose one of those two, or leave ${flag} out.`,
    )
  }
}

/**
 * The presets that stand for the published arithmetic keep to it.
 * @throws OPTION_INVALID
 */
export function assertPrecision({ precision, preset }: Pick<ImageSettings, 'precision' | 'preset'>): void {
  if (precision === 'float32' || (preset !== 'reference' && preset !== 'paper')) return
  throw new Text2LiveError(
    'OPTION_INVALID',
    `${optionFlag('precision')} ${precision} rounds what the guidance computes, and the preset ${preset} is to compute as it was published. Use ` +
      `${optionFlag('precision')} float32, or the preset fast or preview.`,
  )
}

/** Rules between options. */
function assertConsistent(settings: ImageSettings): void {
  assertPrecision(settings)
  const { scaleMin, scaleMax, cropsMinCover, size } = settings
  if (scaleMin > scaleMax) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `${optionFlag('scaleMin')} must not exceed ${optionFlag('scaleMax')}; got ${scaleMin} and ${scaleMax}.`,
    )
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
  throw new Text2LiveError(
    'OPTION_INVALID',
    `The generator needs crops of at least ${minGeneratorSide} px; a short side of ${shortSide} px with ${optionFlag('scaleMin')} ${scaleMin} and ` +
      `${optionFlag('cropsMinCover')} ${cropsMinCover} gives ${smallest} px. Use ${optionFlag('size')} ${needed} or more, or raise those two.`,
  )
}
