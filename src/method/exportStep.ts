import { encodeModel } from '../engine/onnx.js'
import { generatorOf } from '../models/generator.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { regionTexts } from '../options/region.js'
import { answerableRegion } from './guidanceAnswers.js'
import { type StepPlan, buildStepGraph } from './stepGraph.js'
import { screenTemplates, textTemplates } from './textTemplates.js'

/** What shapes an exported training step. */
export interface ExportStepOptions {
  /** Both sides of the picture, px. */
  readonly size: number
  readonly settings: ImageSettings
  readonly guidance: readonly GuidanceModel[]
}

/**
 * One training step, forward, backward and update, as a serialised ONNX model: a square picture of `size` px, the texts
 * of `settings`, the bootstrap loss in it if they name a region; without what a run adds by its prompt and its start
 * (`grain`, `lambdaColour`). Inputs and outputs are those of `buildStepGraph`.
 * @throws GUIDANCE_INCAPABLE
 */
export function exportStep({ size, settings, guidance }: ExportStepOptions): Uint8Array {
  const pairs = Math.min(settings.prompt.length, settings.source.length)
  const region = answerableRegion(guidance, settings, regionTexts(settings))
  const mapped = settings.relevancy !== 'model'
  const masked = settings.mask !== null || (region.length > 0 && mapped && settings.regionBound > 0)
  const plan: StepPlan = {
    size: { height: size, width: size },
    generator: generatorOf(settings),
    settings,
    kind: 'update',
    masked,
    sight: masked && settings.surroundings === 'hidden',
    bootstrap: region.length === 0 ? 'off' : mapped ? 'map' : 'model',
    emphasis: region.length > 0 && mapped && settings.sparsityMap > 0,
    texts: {
      composition: settings.prompt.length * textTemplates.length,
      screen: settings.screen.length * screenTemplates.length,
      direction: pairs * textTemplates.length,
      region: region === 'agreed' ? 1 : region.length,
    },
  }
  const { graph, outputs } = buildStepGraph(plan, guidance)
  return encodeModel(graph, outputs).bytes
}
