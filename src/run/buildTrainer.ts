import { fileURLToPath } from 'node:url'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import type { Runtime } from '../engine/runtime.js'
import { createTrainer } from '../method/trainer.js'
import type { GuidanceModel } from '../models/guidance.js'
import { loadGuidance } from '../models/loadGuidance.js'
import { folderSource } from '../models/node/folderSource.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { chooseDevice } from './probeDevice.js'
import type { OpenTrainer, TrainerNotice } from './trainerContract.js'

/** Makes the real trainer in the thread that calls it: the engine on the asked device, the guidance model, the method. */
export const buildTrainer: OpenTrainer = async (input, notice) => {
  const { settings } = input
  const runtime = createNodeRuntime({ device: await chooseDevice(settings.device), ...(settings.threads > 0 ? { threads: settings.threads } : {}) })
  const guidance = await openGuidance(settings, runtime, notice)
  return await createTrainer({ runtime, guidance, ...input, notice })
}

/**
 * Each of the models that the settings name: the embedded starter model, or the CLIP in a folder.
 * @throws GUIDANCE_NOT_FOUND, GUIDANCE_INVALID, SAFETENSORS_INVALID
 */
export async function openGuidance(settings: Pick<ImageSettings, 'guidance' | 'positionEmbedding'>, runtime: Runtime,
  notice: (notice: TrainerNotice) => void = () => undefined): Promise<GuidanceModel[]> {
  const models: GuidanceModel[] = []
  for (const name of settings.guidance) {
    notice({ type: 'model-loading', guidance: name })
    const folder = name === 'starter' ? fileURLToPath(new URL('../../models/starter', import.meta.url)) : name
    models.push(await loadGuidance(await folderSource(folder), runtime, { positions: settings.positionEmbedding }))
  }
  return models
}
