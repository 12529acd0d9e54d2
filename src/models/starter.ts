import type { Value } from '../engine/graph.js'
import { gemm, matmul, normalizeLength, reshape, transpose } from '../engine/ops.js'
import type { Runtime } from '../engine/runtime.js'
import { stoppable } from '../engine/stoppable.js'
import { Text2LiveError } from '../errors.js'
import type { FileSource } from './fileSource.js'
import { everyAnswer, oneImage } from './guidance.js'
import type { GuidanceModel, WeightInputs } from './guidance.js'
import { parseStarterConfig, starterImageShapes } from './starterConfig.js'
import type { StarterConfig } from './starterConfig.js'
import { cellFeatures, headTokens, normalisePixels, poolTokens } from './starterImage.js'
import {
  encodeStarterTexts,
  positionEmbeddings,
  readStarterText,
  starterTextShapes,
  wordEmbeddings,
} from './starterText.js'
import { createTextTokenizer, tokenizeAll } from './textTokenizer.js'
import { TextTower } from './textTower.js'
import { openWeightFile, readJson } from './weightFile.js'
import type { WeightFile } from './weightFile.js'

/**
 * The guidance model that ships with the program: locked-image tuning (Zhai et al. 2022) of EfficientNet-Lite0 and
 * all-MiniLM-L6-v2. A view costs about a tenth of ViT-B/32. Relevancy is exact and needs no gradient: each cell's
 * token, projected, times the text.
 * @throws GUIDANCE_INVALID, SAFETENSORS_INVALID for missing or broken files
 */
export async function loadStarter(source: FileSource, runtime: Runtime): Promise<GuidanceModel> {
  const config = parseStarterConfig(await readJson(source, 'config.json'), `${source.location}/config.json`)
  const shapes = starterImageShapes(config)
  const image = await openWeightFile(source, 'image.safetensors', shapes)
  const text = await openTextFile(source, config)
  const contextLength = Math.min(config.text.max_length, text.positions)
  const [tokenizer, tokenizerConfig] = [
    await readJson(source, 'tokenizer.json'),
    await readJson(source, 'tokenizer_config.json'),
  ]
  const tokenize = createTextTokenizer(tokenizer, tokenizerConfig, contextLength, source.location)
  const tower = new TextTower(() => readStarterText(text.file, config))
  return {
    name: 'starter',
    answers: everyAnswer,
    embeddingWidth: config.embed_dim,
    cell: config.patch,
    imageSize: config.image_size,
    contextLength,
    normalisation: { mean: config.mean, std: config.std },
    weights: await image.weights(shapes.keys()),
    constants: new Set([...shapes.keys()].filter((weight) => weight.startsWith('trunk.'))),
    gainsByBatch: false,
    comparesTexts: true,
    embed: (views, w) => poolTokens(cellTokens(views, config, w), views.shape[0]!, w),
    tokens: (picture, w) => cellTokens(oneImage(picture, 'starter model'), config, w),
    relevancy: (picture, texts, w) => cellRelevancy(oneImage(picture, 'starter model'), texts, config, w),
    relevancyText: (prompt) => `a photo of ${prompt}`,
    tokenize,
    async encodeTexts(texts, { truncate = false, signal } = {}) {
      const ids = tokenizeAll(texts, { name: 'starter', tokenize }, truncate)
      return (await tower.use((weights) => encodeStarterTexts(ids, config, weights, stoppable(runtime, signal))))
        .embeddings
    },
    holdTexts: (work) => tower.hold(work),
  }
}

function cellTokens(pixels: Value, config: StarterConfig, w: WeightInputs): Value {
  return headTokens(cellFeatures(normalisePixels(pixels, config), config, w), config, w)
}

/** (proj . token) . text per cell: picture [1, 3, h, w], texts [K, D] -> [K, 1, gh, gw]. */
function cellRelevancy(picture: Value, texts: Value, config: StarterConfig, w: WeightInputs): Value {
  const [, , height = 0, width = 0] = picture.shape
  const projected = gemm(cellTokens(picture, config, w), w('head.proj.weight'), null, { transB: true }) // [cells, D]
  const answers = matmul(normalizeLength(texts), transpose(projected, [1, 0])) // [K, cells]
  return reshape(answers, [texts.shape[0]!, 1, Math.floor(height / config.patch), Math.floor(width / config.patch)])
}

/** The text tower's file, checked: every matrix of int8 has its row scales. */
async function openTextFile(
  source: FileSource,
  config: StarterConfig,
): Promise<{ file: WeightFile; positions: number }> {
  const name = 'text.safetensors'
  const { entries } = (await openWeightFile(source, name, new Map())).header
  const rows = (table: string): number => entries.get(table)?.shape[0] ?? 0
  const positions = rows(positionEmbeddings)
  const shapes = new Map(starterTextShapes(config, rows(wordEmbeddings), positions))
  for (const [tensor, shape] of [...shapes])
    if (entries.get(tensor)?.dtype === 'I8') shapes.set(`${tensor}.scale`, [shape[0]!])
  const file = await openWeightFile(source, name, shapes)
  const words = entries.get(wordEmbeddings)?.dtype
  if (words !== 'I8') {
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected tensor "${wordEmbeddings}" of ${source.location}/${name} as I8, it is ${words}. Copy the model's folder again.`,
    )
  }
  return { file, positions }
}
