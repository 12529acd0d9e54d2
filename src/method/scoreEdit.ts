import { Graph } from '../engine/graph.js'
import type { Runtime } from '../engine/runtime.js'
import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import { type GuidanceModel, bindWeights, weightFeeds } from '../models/guidance.js'
import { checkTextsAreRead } from '../models/unreadParts.js'
import { cosine } from './cosine.js'
import { structureLoss } from './losses.js'
import { viewSide } from './stepViews.js'
import type { Texts } from './textTargets.js'
import { viewSize } from './viewDraws.js'

/** What a guidance model says of an edit, without templates and without augmentation. */
export interface GuidanceScores {
  /** Cosine of the composite's embedding and the prompt's as typed; the mean over several prompts. */
  readonly similarity: number
  /** Cosine of the change of the picture's embedding and of the text's, source to prompt; the mean over pairs. */
  readonly directional: number
  /**
   * Mean squared difference of the cosine self-similarities of both pictures' tokens: the structure loss of the whole
   * pictures.
   */
  readonly structureDistance: number
}

/**
 * Scores an edit by a model: both pictures whole, their short sides at the size of the model's views.
 * @param photo, composite RGB of one size
 * @param onNote is told of texts that the model can read in part only
 * @throws PROMPT_TOO_LONG unless `truncate`, PROMPT_NOT_UNDERSTOOD
 */
export async function scoreEdit(
  photo: FloatImage,
  composite: FloatImage,
  texts: Pick<Texts, 'prompt' | 'source'>,
  truncate: boolean,
  model: GuidanceModel,
  runtime: Runtime,
  onNote?: (message: string) => void,
): Promise<GuidanceScores> {
  checkTextsAreRead(model, [...texts.prompt, ...texts.source], onNote)
  const side = viewSide(model)
  const { width, height } = viewSize({ width: photo.width, height: photo.height }, side, Math.round((380 * side) / 224))
  const seen = (picture: FloatImage) =>
    new runtime.Tensor('float32', resize(picture, width, height, { filter: 'bicubic', antialias: true }).data, [
      1,
      3,
      height,
      width,
    ])
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const [before, after] = [graph.input('photo', [1, 3, height, width]), graph.input('composite', [1, 3, height, width])]
  const program = await runtime.compile(graph, {
    before: model.embed(before, inputs),
    after: model.embed(after, inputs),
    structure: structureLoss(model.tokens(after, inputs), model.tokens(before, inputs)),
  })
  const read = async () => {
    const result = await program.run({ ...weightFeeds(used, runtime), photo: seen(photo), composite: seen(composite) })
    const vector = async (name: string) => (await result[name]!.getData()) as Float32Array
    return [await vector('before'), await vector('after'), await vector('structure')] as const
  }
  const [photoEmbedding, editEmbedding, [structureDistance]] = await read().finally(() => program.release())

  const rows = await model.encodeTexts([...texts.prompt, ...texts.source], { truncate })
  const text = (i: number) => rows.subarray(i * model.embeddingWidth, (i + 1) * model.embeddingWidth)
  const pairs = Math.min(texts.prompt.length, texts.source.length)
  const change = difference(editEmbedding, photoEmbedding)
  return {
    similarity: mean(texts.prompt.map((_, i) => cosine(editEmbedding, text(i)))),
    directional: mean(
      Array.from({ length: pairs }, (_, i) => cosine(change, difference(text(i), text(texts.prompt.length + i)))),
    ),
    structureDistance: structureDistance!,
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

const difference = (a: Float32Array, b: Float32Array): Float32Array => a.map((x, i) => x - b[i]!)
