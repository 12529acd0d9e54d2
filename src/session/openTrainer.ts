import type { Runtime } from '../engine/runtime.js'
import { breathe } from '../engine/stoppable.js'
import { createTrainer } from '../method/trainer.js'
import type { FileSource } from '../models/fileSource.js'
import type { GuidanceModel } from '../models/guidance.js'
import { openPlugin } from '../models/guidancePlugin.js'
import { registeredPlugin } from '../models/guidanceRegistry.js'
import { type LearnedStart, loadStart } from '../models/learnedStart.js'
import { loadGuidance } from '../models/loadGuidance.js'
import { loadOutline, type OutlineModel } from '../models/outline.js'
import { withoutTransformer } from '../models/precision.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { RegionTexts } from '../options/region.js'
import { accessTo, type GuidanceAccess } from './guidanceAccess.js'
import type { WarmModels } from './warmModels.js'
import type { OpenTrainer, TrainerNotice } from './trainerContract.js'

/** Where the models of a run come from. */
export interface ModelOpener {
  /**
   * The files of the guidance model that a setting names.
   * @param access whether what is not here may be fetched
   * @throws GUIDANCE_*, MODEL_*, DOWNLOAD_FAILED, INTERRUPTED
   */
  guidance(
    name: string,
    access: GuidanceAccess,
    notice: (notice: TrainerNotice) => void,
    signal: AbortSignal | undefined,
  ): Promise<FileSource>
  /** The files of the outline network, or of the learned start, that the program carries. */
  bundled(name: 'outline' | 'start'): Promise<FileSource>
}

/** The engine and the models of a machine. */
export interface TrainingPlace {
  /** The engine on the device that the settings name. @throws DEVICE_UNAVAILABLE */
  runtime(settings: Pick<ImageSettings, 'device' | 'threads'>): Promise<Runtime>
  readonly models: ModelOpener
  /** What is kept open for the next job; absent: nothing is. */
  readonly warm?: WarmModels | undefined
}

/** The engine of a place, the one that is kept where one is. @throws DEVICE_UNAVAILABLE */
export function runtimeOf(
  place: TrainingPlace,
  { device, threads }: Pick<ImageSettings, 'device' | 'threads'>,
): Promise<Runtime> {
  const open = (): Promise<Runtime> => place.runtime({ device, threads })
  return place.warm?.runtime(`${device} ${threads}`, open) ?? open()
}

/**
 * Makes the real trainer in the thread that calls it: the engine on the asked device, the guidance models, the method.
 */
export const trainerIn =
  (place: TrainingPlace): OpenTrainer =>
  async (input, notice, signal) => {
    const { settings } = input
    const { models, warm } = place
    const runtime = await runtimeOf(place, settings)
    await breathe(signal)
    const guidance = await openGuidance(settings, runtime, models, notice, signal, input.access, warm)
    const [outline, start] = [
      await outlineFor(settings, input.texts.region, models, warm),
      // A run that goes on has its weights; the start tells it only how far the edit is held to its colours.
      input.state && settings.lambdaColour === 0 ? null : await startFor(settings, models, warm),
    ]
    return await createTrainer({
      runtime,
      guidance,
      outline,
      start,
      ...input,
      notice,
      signal,
      onNote: (message) => notice({ type: 'note', message }),
    })
  }

/** The outline network where a region is to be found with it. @throws GUIDANCE_INVALID, SAFETENSORS_INVALID */
export async function outlineFor(
  { relevancy }: Pick<ImageSettings, 'relevancy'>,
  region: RegionTexts,
  models: ModelOpener,
  warm?: WarmModels,
): Promise<OutlineModel | null> {
  return relevancy !== 'object' || region.length === 0 ? null : await openOutline(models, warm)
}

/** The outline network. @throws GUIDANCE_INVALID, SAFETENSORS_INVALID */
export function openOutline(models: ModelOpener, warm?: WarmModels): Promise<OutlineModel> {
  const open = async (): Promise<OutlineModel> => await loadOutline(await models.bundled('outline'))
  return warm?.outline(open) ?? open()
}

/** The learned first weights for a run that asks for them. @throws GUIDANCE_INVALID, SAFETENSORS_INVALID */
export async function startFor(
  { start }: Pick<ImageSettings, 'start'>,
  models: ModelOpener,
  warm?: WarmModels,
): Promise<LearnedStart | null> {
  if (start !== 'learned') return null
  const open = async (): Promise<LearnedStart> => await loadStart(await models.bundled('start'))
  return await (warm?.start(open) ?? open())
}

/**
 * Each of the models that the settings name, fetched where it must be and may be; one that is warm is not loaded, and
 * nothing is told of it.
 * @throws GUIDANCE_*, PRECISION_UNAVAILABLE, SAFETENSORS_INVALID, INTERRUPTED, and as `ModelOpener.guidance`
 */
export async function openGuidance(
  settings: Pick<ImageSettings, 'guidance' | 'positionEmbedding' | 'precision'>,
  runtime: Runtime,
  opener: ModelOpener,
  notice: (notice: TrainerNotice) => void = () => undefined,
  signal?: AbortSignal,
  access: GuidanceAccess = accessTo([]),
  warm?: WarmModels,
): Promise<GuidanceModel[]> {
  const models: GuidanceModel[] = []
  for (const name of settings.guidance) {
    await breathe(signal)
    const { positionEmbedding: positions, precision } = settings
    const open = async (): Promise<GuidanceModel> => {
      notice({ type: 'model-loading', guidance: withoutSecrets(name) })
      const plugin = registeredPlugin(name)
      if (plugin !== null) {
        if (precision !== 'float32') throw withoutTransformer(withoutSecrets(name))
        return await openPlugin(plugin, runtime)
      }
      const source = await opener.guidance(name, access, notice, signal)
      return await loadGuidance(source, runtime, { positions, precision })
    }
    const key = JSON.stringify([access.addresses[name] ?? name, positions, precision])
    const model = await (warm?.guidance(runtime, key, open) ?? open())
    for (const message of model.notes ?? []) notice({ type: 'note', message })
    models.push(model)
  }
  return models
}
