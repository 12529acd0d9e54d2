import { Text2LiveError } from '../errors.js'
import { optionFlag, type GivenOptions, type ImageSettings } from '../options/imageOptions.js'
import { regionTexts } from '../options/region.js'
import { assertRegionMap, resolveSettings, validateOptions } from '../options/resolveSettings.js'
import { folderContents } from './folderContents.js'
import { accessTo, hereOnly, portableGuidance } from './guidanceAccess.js'
import { assertNotBlank, readImageInput, type ImageInput } from './imageInput.js'
import { chooseDevice } from './probeDevice.js'
import { fromRun, ownLayers, readConfigs } from './readConfigs.js'
import { assertFree, makeRunFolder, type RunFolder } from './runFolder.js'
import { trainRun, type EditResult, type Emit } from './trainRun.js'
import type { RunEnvironment } from './trainerContract.js'
import { trainVariations } from './variations.js'

/** Options of a new run; pictures may be bytes. */
export interface StartOptions extends Omit<GivenOptions, 'photo' | 'mask' | 'json'> {
  readonly photo?: string | Uint8Array | null | undefined
  readonly mask?: string | Uint8Array | null | undefined
}

/**
 * Validates everything that a person can get wrong, then trains.
 * @throws OPTION_*, CONFIG_*, PROMPT_*, INPUT_*, MASK_INVALID, OUTPUT_*, DEVICE_*, GUIDANCE_*, ... before anything is written
 */
export async function startRun(options: StartOptions, environment: RunEnvironment, emit: Emit): Promise<EditResult> {
  const { photo, mask, ...rest } = options
  const flags: GivenOptions = { ...rest, ...(typeof photo === 'string' ? { photo } : {}), ...(typeof mask === 'string' ? { mask } : {}) }
  const command = validateOptions(flags)
  const note = (message: string): void => emit({ type: 'note', message })
  const configs = await readConfigs((command.config ?? []) as readonly string[], { note, preset: command.preset })
  const layers = [...configs.layers, flags]
  const settings = resolveSettings(layers, drawSeed)
  const out = (lastGiven(layers, 'out') ?? null) as string | null
  const force = command.force === true
  const seeds = (lastGiven(layers, 'seeds') ?? 1) as number

  assertRegionMap([...ownLayers(configs), command], settings)
  assertPrompt(settings)
  const photoSource = photo instanceof Uint8Array ? photo : photoPath(settings)
  const input = await readImageInput(photoSource, mask instanceof Uint8Array ? mask : settings.mask, settings)
  for (const message of input.notes) emit({ type: 'note', message })
  assertNotBlank(input.training.photo)
  await assertFree(out, force)
  announce(settings, layers, emit)
  const device = await chooseDevice(settings.device)
  if (device !== settings.device) emit({ type: 'note', message: `device: ${device}, the fastest that works here` })
  const resolved = portable(settings, input, device)
  const access = fromRun(configs, flags) ? hereOnly : accessTo(settings.guidance)

  const makeFolder = (saved: ImageSettings, seedCount: number) => async (): Promise<RunFolder | null> =>
    out === null && !environment.defaultFolder ? null : await makeRunFolder(out, input.name, force, folderContents(saved, input, seedCount))
  if (seeds > 1) return await trainVariations({ settings: resolved, input, access, seeds, makeFolder: makeFolder(resolved, seeds) }, environment, emit)
  const { open, signal } = environment
  return await trainRun({ settings: resolved, input, access, open, signal, start: null, folder: makeFolder(resolved, 1) }, emit)
}

/** The settings as the run folder holds them: its own copies of the pictures, absolute paths to guidance models, the device chosen. */
function portable(settings: ImageSettings, input: ImageInput, device: ImageSettings['device']): ImageSettings {
  return {
    ...settings,
    photo: `photo.${input.photo.format === 'jpeg' ? 'jpg' : input.photo.format}`,
    mask: input.mask === null ? null : `mask.${input.mask.extension}`,
    guidance: settings.guidance.map(portableGuidance),
    device,
  }
}

function announce(settings: ImageSettings, layers: readonly GivenOptions[], emit: Emit): void {
  if (lastGiven(layers, 'source') === undefined && regionTexts(settings) !== 'agreed') {
    const said = `source: "${settings.source.join('", "')}", since nobody said what the photo shows`
    emit({ type: 'note', message: `${said}; ${optionFlag('source')} "..." makes the edit surer` })
  }
  if ((lastGiven(layers, 'seed') ?? -1) === -1) emit({ type: 'note', message: `seed: ${settings.seed}, drawn` })
}

function lastGiven(layers: readonly GivenOptions[], name: keyof GivenOptions): unknown {
  return layers.findLast((layer) => layer[name] !== undefined && layer[name] !== null)?.[name]
}

function photoPath(settings: ImageSettings): string {
  if (settings.photo !== null) return settings.photo
  throw new Text2LiveError('INPUT_NOT_FOUND', 'A photo is needed and none was named. For example: text2live image teapot.jpg "golden teapot"')
}

function assertPrompt(settings: ImageSettings): void {
  if (settings.prompt.length > 0) return
  throw new Text2LiveError('PROMPT_EMPTY',
    'A prompt is needed: say what the edited photo shows. For example: text2live image teapot.jpg "golden teapot"')
}

/** An unsigned 32-bit number. */
export const drawSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
