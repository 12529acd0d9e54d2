import type { Runtime } from '../engine/runtime.js'
import { breathe } from '../engine/stoppable.js'
import { createTrainer } from '../method/trainer.js'
import type { FileSource } from '../models/fileSource.js'
import type { GuidanceModel } from '../models/guidance.js'
import { type LearnedStart, loadStart } from '../models/learnedStart.js'
import { loadGuidance } from '../models/loadGuidance.js'
import { loadOutline, type OutlineModel } from '../models/outline.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { RegionTexts } from '../options/region.js'
import { accessTo, type GuidanceAccess } from './guidanceAccess.js'
import type { OpenTrainer, TrainerNotice, TrainerState } from './trainerContract.js'

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
}

/**
 * Makes the real trainer in the thread that calls it: the engine on the asked device, the guidance models, the method.
 */
export const trainerIn =
  (place: TrainingPlace): OpenTrainer =>
  async (input, notice, signal) => {
    const { settings } = input
    const { models } = place
    const runtime = await place.runtime(settings)
    await breathe(signal)
    const guidance = await openGuidance(settings, runtime, models, notice, signal, input.access)
    const [outline, start] = [
      await outlineFor(settings, input.texts.region, models),
      await startFor(settings, input.state, models),
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
export const outlineFor = async (
  { relevancy }: Pick<ImageSettings, 'relevancy'>,
  region: RegionTexts,
  models: ModelOpener,
): Promise<OutlineModel | null> =>
  relevancy === 'object' && region.length > 0 ? await loadOutline(await models.bundled('outline')) : null

/** The learned first weights for a run that begins and asks for them. @throws GUIDANCE_INVALID, SAFETENSORS_INVALID */
export const startFor = async (
  { start }: Pick<ImageSettings, 'start'>,
  state: TrainerState | undefined,
  models: ModelOpener,
): Promise<LearnedStart | null> =>
  start === 'learned' && state === undefined ? await loadStart(await models.bundled('start')) : null

/**
 * Each of the models that the settings name, fetched where it must be and may be.
 * @throws GUIDANCE_*, SAFETENSORS_INVALID, INTERRUPTED, and as `ModelOpener.guidance`
 */
export async function openGuidance(
  settings: Pick<ImageSettings, 'guidance' | 'positionEmbedding'>,
  runtime: Runtime,
  opener: ModelOpener,
  notice: (notice: TrainerNotice) => void = () => undefined,
  signal?: AbortSignal,
  access: GuidanceAccess = accessTo([]),
): Promise<GuidanceModel[]> {
  const models: GuidanceModel[] = []
  for (const name of settings.guidance) {
    await breathe(signal)
    notice({ type: 'model-loading', guidance: withoutSecrets(name) })
    models.push(
      await loadGuidance(await opener.guidance(name, access, notice, signal), runtime, {
        positions: settings.positionEmbedding,
      }),
    )
  }
  return models
}
