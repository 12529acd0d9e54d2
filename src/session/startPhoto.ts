import { Text2LiveError } from '../errors.js'
import type { PictureSource } from '../media/imageCodec.js'
import { optionFlag, type GivenOptions, type ImageSettings } from '../options/imageOptions.js'
import { regionTexts } from '../options/region.js'
import { assertRegionMap, resolveSettings } from '../options/resolveSettings.js'
import { assertNotBlank, readImageInput, type ImageInput } from './imageInput.js'
import type { RunMachine } from './runMachine.js'
import { drawSeed } from './savedRun.js'
import { inStage } from './stages.js'
import type { Below } from './takeLayers.js'
import type { Emit } from './trainRun.js'

/** A photo run that is to begin. */
export interface PhotoJob {
  /** What was said, each above the one before. */
  readonly layers: readonly GivenOptions[]
  /** Those of the layers that a person gave for this run; default: all. */
  readonly own?: readonly GivenOptions[]
  /** Where it was given otherwise than by a path in the layers. */
  readonly photo?: PictureSource | null
  readonly mask?: PictureSource | null
  /** What the run is painted over; the photo may then be left out. */
  readonly below?: Below
}

/**
 * Validates everything that a person can get wrong, and tells what was taken for what.
 * @throws OPTION_*, PROMPT_EMPTY, INPUT_*, MASK_INVALID
 */
export async function preparePhoto(
  { layers, own = layers, photo, mask, below }: PhotoJob,
  machine: RunMachine,
  emit: Emit,
): Promise<{ readonly settings: ImageSettings; readonly input: ImageInput }> {
  const settings = resolveSettings(layers, drawSeed)
  assertRegionMap(own, settings)
  assertPrompt(settings)
  const source = photo ?? settings.photo ?? below?.photo ?? noPhoto()
  const input = await inStage({ stage: 'photo' } as const, machine, emit, () =>
    readImageInput(source, mask ?? settings.mask, settings, machine.codec, below?.layers),
  )
  for (const message of below?.notes ?? []) emit({ type: 'note', message })
  for (const message of input.notes) emit({ type: 'note', message })
  assertNotBlank(input.training.photo)
  announce(settings, layers, emit)
  return { settings, input }
}

function announce(settings: ImageSettings, layers: readonly GivenOptions[], emit: Emit): void {
  if (lastGiven(layers, 'source') === undefined && regionTexts(settings) !== 'agreed') {
    const said = `source: "${settings.source.join('", "')}", since nobody said what the photo shows`
    emit({ type: 'note', message: `${said}; ${optionFlag('source')} "..." makes the edit surer` })
  }
  if ((lastGiven(layers, 'seed') ?? -1) === -1) emit({ type: 'note', message: `seed: ${settings.seed}, drawn` })
}

/** The value of an option in the highest layer that gives it. */
export function lastGiven(layers: readonly GivenOptions[], name: keyof GivenOptions): unknown {
  return layers.findLast((layer) => layer[name] !== undefined && layer[name] !== null)?.[name]
}

function noPhoto(): never {
  throw new Text2LiveError(
    'INPUT_NOT_FOUND',
    'A photo is needed and none was named. For example: text2live image teapot.jpg "golden teapot"',
  )
}

/** @throws PROMPT_EMPTY */
export function assertPrompt(settings: Pick<ImageSettings, 'prompt'>): void {
  if (settings.prompt.length > 0) return
  throw new Text2LiveError(
    'PROMPT_EMPTY',
    'A prompt is needed: say what the edited photo shows. For example: text2live image teapot.jpg "golden teapot"',
  )
}
