import { Text2LiveError } from '../errors.js'
import type { PictureSource } from '../media/imageCodec.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { readConfig } from '../options/configFile.js'
import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { writeConfig } from '../options/writeConfig.js'
import { imageTable } from '../options/imageTable.js'
import { assertSameRun, readState } from './checkpoint.js'
import { checkedEvents, stepEvents } from './eventLog.js'
import { outputFiles, type OutputName, type RunEvent } from './events.js'
import { type GuidanceAccess, hereOnly } from './guidanceAccess.js'
import { readImageInput, type ImageInput } from './imageInput.js'
import { belowFile, belowFiles, keptLayers, type LayerBelow } from './layersBelow.js'
import { makeOutputs, writeOutputs } from './outputs.js'
import { readRunConfig } from './readRunConfig.js'
import { runFiles } from './runFiles.js'
import type { RunMachine } from './runMachine.js'
import type { RunStore } from './store.js'
import type { RunEnvironment } from './trainerContract.js'
import {
  type Emit,
  fingerprintOf,
  type TrainedRun,
  keptMask,
  photoCheckpoint,
  titleOf,
  trainerInput,
  trainRun,
} from './trainRun.js'

/** The files a run begins with: photo and mask as they were given, the layers that it stands on, and the settings. */
export function firstFiles(
  settings: ImageSettings,
  input: ImageInput,
  seeds: number,
): Record<string, Uint8Array | string> {
  return {
    ...(settings.photo === null ? {} : { [settings.photo]: input.photo.bytes }),
    ...(input.mask === null || settings.mask === null ? {} : { [settings.mask]: input.mask.bytes }),
    ...belowFiles(input.below),
    [runFiles.config]: writeConfig(settings, seeds),
  }
}

/** The settings as a run keeps them: its own copies of the pictures, the device chosen. */
export function keptSettings(
  settings: ImageSettings,
  input: ImageInput,
  device: ImageSettings['device'],
): ImageSettings {
  return {
    ...settings,
    photo: `photo.${input.photo.format === 'jpeg' ? 'jpg' : input.photo.format}`,
    mask: input.mask && keptMask(input.mask.extension),
    over: input.below.map((_, i) => belowFile(i)),
    device,
  }
}

/** A run as it lies in its store. */
export interface SavedRun {
  readonly settings: ImageSettings
  readonly seeds: number
  readonly input: ImageInput
}

/** Where a run's own picture is; `key` is the setting that names it. */
export type FindPicture = (name: string, key: 'photo' | 'mask') => PictureSource | Promise<PictureSource>

/** The picture that a store holds. @throws RUN_INVALID where it holds none */
export const pictureIn =
  (store: Pick<RunStore, 'file' | 'read'>): FindPicture =>
  async (name, key) => {
    const bytes = await store.read(name)
    if (bytes !== null) return { name: store.file(name), bytes }
    throw new Text2LiveError(
      'RUN_INVALID',
      `${store.file(runFiles.config)} names "${name}" as its ${key}, and there is no such file in the run. Take another copy of the run, or start a new one.`,
    )
  }

/** What continuing or rendering a run needs besides its store. */
export interface SavedRunAccess {
  readonly store: RunStore
  readonly machine: RunMachine
  readonly find: FindPicture
  /**
   * The layers below as the runs that they came from have them now, for rendering. Default: the run's own copies.
   * @param note is told what was taken
   */
  readonly present?: (own: readonly LayerBelow[], note: (message: string) => void) => Promise<readonly LayerBelow[]>
}

/** A run that is read. */
type ReadAccess = Pick<SavedRunAccess, 'find'> & {
  readonly store: Pick<RunStore, 'file' | 'read'>
  readonly machine: Pick<RunMachine, 'codec'>
}

/**
 * The settings, photo and mask of a run.
 * @param below in place of the run's own copies of the layers below
 * @throws RUN_INVALID, CONFIG_*, INPUT_*, MASK_INVALID, LAYER_UNSUPPORTED
 */
export async function readRun({ store, machine, find }: ReadAccess, below?: readonly LayerBelow[]): Promise<SavedRun> {
  const { settings, seeds } = await readRunSettings(store)
  if (settings.photo === null) {
    throw new Text2LiveError(
      'RUN_INVALID',
      `${store.file(runFiles.config)} names no photo. The folder cannot be continued; start a new run.`,
    )
  }
  const photo = await find(settings.photo, 'photo')
  const mask = settings.mask === null ? null : await find(settings.mask, 'mask')
  const layers = below ?? (await keptLayers(store, settings.over))
  return { settings, seeds, input: await readImageInput(photo, mask, settings, machine.codec, layers) }
}

/** @throws RUN_INVALID, CONFIG_* */
export async function readRunSettings(
  store: Pick<RunStore, 'file' | 'read'>,
): Promise<Pick<SavedRun, 'settings' | 'seeds'>> {
  const { options } = readConfig(await readRunConfig(store), store.file(runFiles.config))
  const settings = resolveSettings([options], drawSeed)
  return { settings: { ...settings, guidance: settings.guidance.map(withoutSecrets) }, seeds: options.seeds ?? 1 }
}

/** An unsigned 32-bit number. */
export const drawSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0

/**
 * Continues a run from its last checkpoint, bit for bit on the CPU, or from the start where there is none; one that was
 * finished stays as it is.
 * @param given what is said now: free options (steps, device, ...) may differ from the run's own
 * @param guidance where models may come from: what a run names is not fetched, only who names it besides says that he
 *   wants it
 * @throws RUN_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH, SAFETENSORS_INVALID, and as `trainRun`
 */
export async function continueRun(
  access: SavedRunAccess,
  given: GivenOptions,
  { open, signal, control }: Pick<RunEnvironment, 'open' | 'signal' | 'control'>,
  emit: Emit,
  guidance: GuidanceAccess = hereOnly,
): Promise<TrainedRun> {
  const { store, machine } = access
  const saved = await readRun(access)
  const settings = resolveSettings([saved.settings, given], drawSeed)
  const now = await fingerprintOf(settings, saved.input)
  const start = await readState(store, photoCheckpoint, now)
  if (start === null) assertSameRun(store.file(runFiles.config), imageTable, { ...now, settings: saved.settings }, now)
  const step = start?.step ?? 0
  if (step >= settings.steps && (await isFinished(store))) {
    emit({ type: 'done', step, steps: settings.steps, seconds: 0, folder: store.path, already: true })
    return { finished: true, step, settings, store, files: null }
  }
  if (JSON.stringify(settings) !== JSON.stringify(saved.settings))
    await store.write(runFiles.config, writeConfig(settings))
  return await trainRun(
    {
      settings,
      input: saved.input,
      pictures: now.pictures,
      access: guidance,
      open,
      signal,
      start,
      store: () => Promise.resolve(store),
      machine,
      control,
    },
    emit,
  )
}

/** Its log ends with `done`, and all its outputs are there. */
async function isFinished(store: RunStore): Promise<boolean> {
  const events = checkedEvents(await store.read(runFiles.events), store.file(runFiles.events)) as RunEvent[]
  if (events.findLast(({ type }) => type === 'done' || type === 'step')?.type !== 'done') return false
  for (const name of Object.keys(outputFiles) as OutputName[]) if (!(await store.has(outputFiles[name]))) return false
  return true
}

/**
 * Writes the outputs of a run again, from its checkpoint, without training.
 * @returns null where there is no checkpoint
 * @throws RUN_INVALID, CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function renderStored(
  access: SavedRunAccess,
  { open, signal }: Pick<RunEnvironment, 'open' | 'signal'>,
  emit: Emit,
): Promise<TrainedRun | null> {
  const { store, machine } = access
  const saved = await readRun(access)
  const { settings } = saved
  const state = await readState(store, photoCheckpoint, await fingerprintOf(settings, saved.input))
  if (state === null) return null
  const input = await asItIsNow(access, saved, emit)
  const trainer = await open(trainerInput(settings, input, state, hereOnly), emit, signal)
  try {
    const steps = stepEvents(await store.read(runFiles.events), store.file(runFiles.events)).filter(
      ({ step }) => step <= state.step,
    )
    const layer = await trainer.layer()
    // Pictures of the photo's own size need the memory that the guidance model and its graphs hold.
    await trainer.dispose()
    await writeOutputs(store, makeOutputs(input, layer, steps, machine.codec, titleOf(settings)), emit)
    return { finished: state.step >= settings.steps, step: state.step, settings, store, files: null }
  } finally {
    await trainer.dispose()
  }
}

/** The pictures of a run over what its layers below have become. */
async function asItIsNow(access: SavedRunAccess, { input }: SavedRun, emit: Emit): Promise<ImageInput> {
  if (access.present === undefined || input.below.length === 0) return input
  const now = await access.present(input.below, (message) => emit({ type: 'note', message }))
  const changed = now.some(({ png }, i) => png !== input.below[i]!.png)
  return changed ? (await readRun(access, now)).input : input
}

export const noCheckpoint = (path: string): Text2LiveError =>
  new Text2LiveError(
    'CHECKPOINT_INVALID',
    `${path} holds no checkpoint yet, so there is nothing to render. Continue the run first: text2live image --resume ${path}`,
  )
