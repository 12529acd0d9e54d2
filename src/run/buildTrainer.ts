import type { Runtime } from '../engine/runtime.js'
import { createTrainer } from '../method/trainer.js'
import type { GuidanceModel } from '../models/guidance.js'
import { loadGuidance } from '../models/loadGuidance.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { openModelSource } from '../models/node/openModelSource.js'
import { openLearnedStart, openOutlineModel } from '../models/node/bundled.js'
import type { LearnedStart } from '../models/learnedStart.js'
import type { OutlineModel } from '../models/outline.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { RegionTexts } from '../options/region.js'
import { accessTo, type GuidanceAccess } from '../session/guidanceAccess.js'
import { openRuntime } from './openRuntime.js'
import type { OpenTrainer, TrainerNotice, TrainerState } from '../session/trainerContract.js'

/** Makes the real trainer in the thread that calls it: the engine on the asked device, the guidance model, the method. */
export const buildTrainer: OpenTrainer = async (input, notice, signal) => {
  const { settings } = input
  const runtime = await openRuntime(settings)
  const guidance = await openGuidance(settings, runtime, notice, signal, input.access)
  const [outline, start] = [await outlineFor(settings, input.texts.region), await startFor(settings, input.state)]
  return await createTrainer({ runtime, guidance, outline, start, ...input, notice, onNote: message => notice({ type: 'note', message }) })
}

/** The outline network where a region is to be found with it. @throws GUIDANCE_INVALID, SAFETENSORS_INVALID */
export const outlineFor = async ({ relevancy }: Pick<ImageSettings, 'relevancy'>, region: RegionTexts): Promise<OutlineModel | null> =>
  (relevancy === 'object' && region.length > 0 ? await openOutlineModel() : null)

/** The learned first weights for a run that begins and asks for them. @throws GUIDANCE_INVALID, SAFETENSORS_INVALID */
export const startFor = async ({ start }: Pick<ImageSettings, 'start'>, state: TrainerState | undefined): Promise<LearnedStart | null> =>
  (start === 'learned' && state === undefined ? await openLearnedStart() : null)

/**
 * Each of the models that the settings name, fetched where it must be and may be.
 * @throws GUIDANCE_*, SAFETENSORS_INVALID, and all that `openModelSource` throws
 */
export async function openGuidance(settings: Pick<ImageSettings, 'guidance' | 'positionEmbedding'>, runtime: Runtime,
  notice: (notice: TrainerNotice) => void = () => undefined, signal?: AbortSignal, { fetch, addresses }: GuidanceAccess = accessTo([])): Promise<GuidanceModel[]> {
  const models: GuidanceModel[] = []
  for (const name of settings.guidance) {
    notice({ type: 'model-loading', guidance: withoutSecrets(name) })
    const source = await openModelSource(addresses[name] ?? name, { onProgress: notice, onNote: message => notice({ type: 'note', message }), signal, hereOnly: !fetch })
    models.push(await loadGuidance(source, runtime, { positions: settings.positionEmbedding }))
  }
  return models
}
