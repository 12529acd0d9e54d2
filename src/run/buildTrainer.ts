import type { Runtime } from '../engine/runtime.js'
import type { GuidanceModel } from '../models/guidance.js'
import { bundledSource } from '../models/node/bundled.js'
import { openModelSource } from '../models/node/openModelSource.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { GuidanceAccess } from '../session/guidanceAccess.js'
import {
  openGuidance as openGuidanceOf,
  trainerIn,
  type ModelOpener,
  type TrainingPlace,
} from '../session/openTrainer.js'
import type { TrainerNotice } from '../session/trainerContract.js'
import { openRuntime } from './openRuntime.js'

/** Models of Node: folders, the cache, the hub; what the package carries. */
export const nodeModels: ModelOpener = {
  guidance: async (name, { fetch, addresses }, notice, signal) =>
    await openModelSource(addresses[name] ?? name, {
      onProgress: notice,
      onNote: (message) => notice({ type: 'note', message }),
      signal,
      hereOnly: !fetch,
    }),
  bundled: bundledSource,
}

/** The engine and the models of Node. */
export const nodePlace: TrainingPlace = { runtime: openRuntime, models: nodeModels }

/** Makes the real trainer in the thread that calls it. */
export const buildTrainer = trainerIn(nodePlace)

/** `openGuidance` of session/openTrainer.ts, with the models of Node. */
export const openGuidance = (
  settings: Pick<ImageSettings, 'guidance' | 'positionEmbedding' | 'precision'>,
  runtime: Runtime,
  notice?: (notice: TrainerNotice) => void,
  signal?: AbortSignal,
  access?: GuidanceAccess,
): Promise<GuidanceModel[]> => openGuidanceOf(settings, runtime, nodeModels, notice, signal, access)
