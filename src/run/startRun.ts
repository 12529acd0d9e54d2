import type { PictureSource } from '../media/imageCodec.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { validateOptions } from '../options/resolveSettings.js'
import { editResult, type EditResult } from './editResult.js'
import { nodeMachine } from './nodeMachine.js'
import { accessTo, hereOnly } from '../session/guidanceAccess.js'
import { layersUnder } from './layersUnder.js'
import { portableGuidance } from './portableGuidance.js'
import { chooseDevice } from './probeDevice.js'
import { fromRun, ownLayers, readConfigs } from './readConfigs.js'
import { assertFree, makeRunFolder, type RunFolder } from './runFolder.js'
import type { ImageInput } from '../session/imageInput.js'
import type { JobOf } from '../session/job.js'
import { firstFiles, keptSettings } from '../session/savedRun.js'
import { remembering } from '../session/stages.js'
import { lastGiven, preparePhoto } from '../session/startPhoto.js'
import type { Below } from '../session/takeLayers.js'
import { trainRun, type Emit } from '../session/trainRun.js'
import type { RunEnvironment } from '../session/trainerContract.js'
import { trainVariations } from './variations.js'

/**
 * Validates everything that a person can get wrong, then trains.
 * @throws OPTION_*, CONFIG_*, PROMPT_*, INPUT_*, MASK_INVALID, OUTPUT_*, DEVICE_*, GUIDANCE_*, ... before anything is
 *   written
 */
export async function startRun(
  { options, photo, mask, run, over }: JobOf<'image'>,
  environment: RunEnvironment,
  emit: Emit,
): Promise<EditResult> {
  const command = validateOptions(options)
  const early = remembering(emit)
  const note = (message: string): void => early.emit({ type: 'note', message })
  const configs = await readConfigs((command.config ?? []) as readonly string[], { note, preset: command.preset })
  const layers = [...configs.layers, options]
  const out = run ?? ((lastGiven(layers, 'out') ?? null) as string | null)
  const force = command.force === true
  const seeds = (lastGiven(layers, 'seeds') ?? 1) as number

  const under = over ?? ((lastGiven(layers, 'over') ?? []) as string | readonly string[])
  const below = await layersUnder(typeof under === 'string' ? [under] : under)
  const { settings, input } = await preparePhoto(
    { layers, own: [...ownLayers(configs), command], photo, mask, ...(below === null ? {} : { below }) },
    nodeMachine,
    early.emit,
  )
  await assertFree(out, force)
  const device = await chooseDevice(settings.device)
  if (device !== settings.device)
    early.emit({ type: 'note', message: `device: ${device}, the fastest that works here` })
  const resolved = { ...keptSettings(settings, input, device), guidance: settings.guidance.map(portableGuidance) }
  const access = fromRun(configs, options) ? hereOnly : accessTo(settings.guidance)

  const makeFolder = (saved: ImageSettings, seedCount: number) => async (): Promise<RunFolder | null> =>
    out === null && run === null
      ? null
      : await makeRunFolder(
          out,
          nameFor(input, photo ?? settings.photo, below),
          force,
          firstFiles(saved, input, seedCount),
        )
  if (seeds > 1)
    return await trainVariations(
      { settings: resolved, input, access, seeds, early: early.events, makeFolder: makeFolder(resolved, seeds) },
      environment,
      emit,
    )
  const { open, signal, control } = environment
  return editResult(
    await trainRun(
      {
        settings: resolved,
        input,
        access,
        open,
        signal,
        start: null,
        store: makeFolder(resolved, 1),
        machine: nodeMachine,
        early: early.events,
        control,
      },
      emit,
    ),
  )
}

/** What the default folder is called after: the photo that was given, or the run whose photo it is. */
function nameFor(input: ImageInput, photo: PictureSource | null, below: Below | null): string {
  const lowest = below?.layers[0]?.run
  return photo === null && below?.photo?.bytes === input.photo.bytes && lowest !== undefined
    ? lowest.replace(/-\d+$/, '')
    : input.name
}
