import type { Value } from '../engine/graph.js'
import type { Runtime } from '../engine/runtime.js'
import { stoppable } from '../engine/stoppable.js'
import type { ClipConfig, ClipVisionConfig } from './clipConfig.js'
import { encodeClipTexts } from './clipText.js'
import type { ClipTextWeights } from './clipText.js'
import { clipTokenEmbedding, foldBlock, foldBlocks, foldPatches, foldProjection } from './clipWeights.js'
import type { ReadWeights } from './clipWeights.js'
import { everyAnswer, oneImage } from './guidance.js'
import type { FrozenTensor, GuidanceModel, Normalisation, WeightInputs } from './guidance.js'
import type { PositionMode } from './positionEmbedding.js'
import { type Precision, pictureProbe, quantizeBlock, requireIntegerProducts, unevenLayers } from './precision.js'
import { tokenizeAll } from './textTokenizer.js'
import type { TextTokenizer } from './textTokenizer.js'
import { TextTower } from './textTower.js'
import { attentionRelevancy, embedViews, lastBlockTokens } from './visionTransformer.js'

export const clipNormalisation: Normalisation = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
}

export interface ClipParts {
  readonly config: ClipConfig
  /**
   * Weights by their Hugging Face names and shapes (`clipVisionShapes`, `clipTextShapes`). The text tower's are read
   * when texts are encoded.
   */
  readonly read: ReadWeights
  readonly tokenize: TextTokenizer
  readonly runtime: Runtime
  readonly normalisation?: Normalisation
  /** See `PositionMode`. Default `fixed`. */
  readonly positions?: PositionMode
  /** Of the image tower's products. Default `float32`. */
  readonly precision?: Precision
}

/**
 * CLIP with a vision transformer of any size (Radford et al. 2021), its weights prepared for the step graph.
 * @throws PRECISION_UNAVAILABLE
 */
export async function createClip({
  config,
  read,
  tokenize,
  runtime,
  normalisation = clipNormalisation,
  positions = 'fixed',
  precision = 'float32',
}: ClipParts): Promise<GuidanceModel> {
  if (precision === 'int8') await requireIntegerProducts(runtime)
  const { vision_config: vision, text_config: text } = config
  const embed = (views: Value, w: WeightInputs): Value => embedViews(views, vision, positions, w)
  const weights = await visionWeights(config, read, normalisation, precision)
  const uneven =
    precision === 'int8' ? await unevenLayers(weights, runtime, pictureProbe(vision.image_size, embed)) : []
  for (const layer of uneven) await keepFloat32(weights, layer, vision, read)
  const tower = new TextTower(() => textWeights(config, read))
  return {
    name: 'clip',
    ...(uneven.length === 0
      ? {}
      : { notes: [`precision: ${uneven.join(', ')} of the image tower in float32, too uneven for int8`] }),
    answers: everyAnswer,
    embeddingWidth: config.projection_dim,
    cell: vision.patch_size,
    imageSize: vision.image_size,
    contextLength: text.max_position_embeddings,
    normalisation,
    weights,
    constants: new Set(),
    gainsByBatch: true,
    comparesTexts: false,
    embed,
    tokens: (image, w) => lastBlockTokens(oneImage(image, 'CLIP'), vision, positions, w),
    relevancy: (image, texts, w) => attentionRelevancy(oneImage(image, 'CLIP'), texts, vision, positions, w),
    relevancyText: (prompt) => prompt,
    tokenize,
    async encodeTexts(texts, { truncate = false, signal } = {}) {
      const ids = tokenizeAll(texts, { name: 'clip', tokenize }, truncate)
      return await tower.use((weights) => encodeClipTexts(ids, text, weights, stoppable(runtime, signal)))
    },
    holdTexts: (work) => tower.hold(work),
  }
}

const asFolded = <T>(folded: T): T => folded

async function visionWeights(
  { vision_config: vision }: ClipConfig,
  read: ReadWeights,
  normalisation: Normalisation,
  precision: Precision,
): Promise<Map<string, FrozenTensor>> {
  const renamed = new Map([
    ['vision_model.embeddings.class_embedding', 'class'],
    ['vision_model.embeddings.position_embedding.weight', 'positions'],
    ['vision_model.pre_layrnorm.weight', 'pre.weight'],
    ['vision_model.pre_layrnorm.bias', 'pre.bias'],
  ])
  const asStored = await read(renamed.keys())
  return new Map<string, FrozenTensor>([
    ...[...renamed].map(([stored, name]) => [name, asStored.get(stored)!] as const),
    ...(await foldPatches(read, normalisation)),
    ...(await foldBlocks(read, 'vision_model', vision, precision === 'int8' ? quantizeBlock : asFolded)),
    ...(await foldProjection(read, 'vision_model.post_layernorm', 'visual_projection')),
  ])
}

/** Puts a layer's weights back to what they were before they were quantised. */
async function keepFloat32(
  weights: Map<string, FrozenTensor>,
  layer: string,
  config: ClipVisionConfig,
  read: ReadWeights,
): Promise<void> {
  const block = Number(layer.split('.')[1])
  const folded = await foldBlock(read, 'vision_model', config, block)
  weights.set(`${layer}.weight`, folded.get(`${layer}.weight`)!).delete(`${layer}.scales`)
}

async function textWeights({ text_config: text }: ClipConfig, read: ReadWeights): Promise<ClipTextWeights> {
  const positionEmbedding = 'text_model.embeddings.position_embedding.weight'
  const tables = await read([clipTokenEmbedding, positionEmbedding])
  return {
    tokens: tables.get(clipTokenEmbedding)!,
    positions: tables.get(positionEmbedding)!,
    folded: new Map([
      ...(await foldBlocks(read, 'text_model', text, asFolded)),
      ...(await foldProjection(read, 'text_model.final_layer_norm', 'text_projection')),
    ]),
  }
}
