import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { layerTexts } from '../../method/video/layerTexts.js'
import { createVideoTrainer, type VideoTrainer, type VideoTrainerOptions } from '../../method/video/videoTrainer.js'
import { openGuidance } from '../buildTrainer.js'
import { chooseDevice } from '../probeDevice.js'
import type { TrainerNotice } from '../trainerContract.js'

/** What the trainer of one layer needs besides a runtime and a guidance model. */
export type VideoTrainerInput = Pick<VideoTrainerOptions, 'settings' | 'atlas' | 'frames' | 'layer' | 'mask' | 'state'>

/**
 * Makes a trainer in the thread that calls it: the real one for the command and the library, a small one for a test.
 * @throws PROMPT_TOO_LONG, GUIDANCE_*, MODEL_*, DEVICE_UNAVAILABLE, ATLAS_*; INTERRUPTED
 */
export type OpenVideoTrainer = (input: VideoTrainerInput, notice: (notice: TrainerNotice) => void, signal: AbortSignal) => Promise<VideoTrainer>

/** The real one: the engine on the device of the settings, the guidance models, the method. */
export const openVideoTrainer: OpenVideoTrainer = async (input, notice, signal) => {
  const { settings, layer } = input
  const runtime = createNodeRuntime({ device: await chooseDevice(settings.device), ...(settings.threads > 0 ? { threads: settings.threads } : {}) })
  const guidance = await openGuidance(settings, runtime, notice, signal)
  return await createVideoTrainer({ runtime, guidance, texts: layerTexts(settings, layer), ...input, notice })
}
