import type { LayerName } from '../../atlas/layeredAtlas.js'
import { answerableRegion } from '../../method/guidanceAnswers.js'
import { embedRegion, embedTexts } from '../../method/textTargets.js'
import { layerTexts, objectTexts } from '../../method/video/layerTexts.js'
import {
  createVideoTrainer,
  type VideoTrainer,
  type VideoTrainerOptions,
  wordsToFind,
} from '../../method/video/videoTrainer.js'
import { checkTextsAreRead } from '../../models/unreadParts.js'
import type { GuidanceAccess } from '../guidanceAccess.js'
import { openGuidance, outlineFor, runtimeOf, startFor, type TrainingPlace } from '../openTrainer.js'
import { givenTexts } from '../../options/region.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import type { TrainerNotice } from '../trainerContract.js'

/** What the trainer of one layer needs besides a runtime and a guidance model. */
export type VideoTrainerInput = Pick<
  VideoTrainerOptions,
  'settings' | 'atlas' | 'frames' | 'layer' | 'mask' | 'state'
> & { readonly access?: GuidanceAccess }

/**
 * Makes a trainer in the thread that calls it: the real one for the command and the library, a small one for a test.
 * @throws PROMPT_TOO_LONG, PROMPT_NOT_UNDERSTOOD, GUIDANCE_*, MODEL_*, DEVICE_UNAVAILABLE, ATLAS_*; INTERRUPTED
 */
export type OpenVideoTrainer = (
  input: VideoTrainerInput,
  notice: (notice: TrainerNotice) => void,
  signal: AbortSignal,
) => Promise<VideoTrainer>

/**
 * @throws PROMPT_TOO_LONG, PROMPT_NOT_UNDERSTOOD, GUIDANCE_*, MODEL_*, DOWNLOAD_FAILED, DEVICE_UNAVAILABLE; INTERRUPTED
 */
export type CheckTexts = (
  settings: VideoSettings,
  layers: readonly LayerName[],
  notice: (notice: TrainerNotice) => void,
  signal: AbortSignal,
  access: GuidanceAccess,
) => Promise<void>

/** Reads the texts with the guidance models of a place. */
export const textsCheckedIn =
  (place: TrainingPlace): CheckTexts =>
  async (settings, layers, notice, signal, access) => {
    const runtime = await runtimeOf(place, settings)
    const models = await openGuidance(settings, runtime, place.models, notice, signal, access, place.warm)
    for (const layer of layers)
      answerableRegion(models, settings, wordsToFind(settings, layer, layerTexts(settings, layer)), (message) =>
        notice({ type: 'note', message }),
      )
    for (const model of models.filter(({ answers }) => answers.texts)) {
      const notes = new Set<string>()
      const onNote = (message: string): void => void notes.add(message)
      const region = givenTexts(objectTexts(settings))
      for (const layer of layers) {
        const texts = layerTexts(settings, layer)
        await embedTexts(model, { ...texts, region: givenTexts(texts.region) }, settings.truncate, onNote)
      }
      if (region.length > 0) {
        if (layers.length === 0) await embedRegion(model, region, settings.truncate, onNote)
        // The object is looked for by it, whatever layer is edited.
        else checkTextsAreRead(model, region, onNote)
      }
      for (const message of notes) notice({ type: 'note', message })
    }
  }

/** The real one: the engine on the device of the settings, the guidance models, the method. */
export const videoTrainerIn =
  (place: TrainingPlace): OpenVideoTrainer =>
  async (input, notice, signal) => {
    const { settings, layer } = input
    const { models, warm } = place
    const runtime = await runtimeOf(place, settings)
    const guidance = await openGuidance(settings, runtime, models, notice, signal, input.access, warm)
    const texts = layerTexts(settings, layer)
    const outline = layer === 'background' ? await outlineFor(settings, texts.region, models, warm) : null
    // A run that goes on has its weights; the start tells it only how far the edit is held to its colours.
    const start = input.state && settings.lambdaColour === 0 ? null : await startFor(settings, models, warm)
    return await createVideoTrainer({
      runtime,
      guidance,
      texts,
      outline,
      start,
      ...input,
      notice,
      onNote: (message) => notice({ type: 'note', message }),
    })
  }
