import { z } from 'zod'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { clipNormalisation, createClip } from './clip.js'
import { createBundledTokenizer, longestVocabulary } from './bundledTokenizer.js'
import { parseClipConfig } from './clipConfig.js'
import type { ClipConfig } from './clipConfig.js'
import { clipTokenizerJson } from './clipTokenizer.js'
import { clipTextShapes, clipVisionShapes } from './clipWeights.js'
import type { FileSource } from './fileSource.js'
import type { GuidanceModel, Normalisation } from './guidance.js'
import { huggingFaceLayout, normalisationFile, openAiTokens, openAiVocabulary, openClipLayout } from './modelFiles.js'
import { openClipSource } from './openClipSource.js'
import { kindOfModel, requireBothTowers } from './otherModels.js'
import type { PositionMode } from './positionEmbedding.js'
import { type Precision, withoutTransformer } from './precision.js'
import { openShards, shardIndex } from './shards.js'
import { loadStarter } from './starter.js'
import { createTextTokenizer } from './textTokenizer.js'
import type { TextTokenizer } from './textTokenizer.js'
import { withSafetensors } from './torchSource.js'
import { openWeightFile, readJson, readText } from './weightFile.js'
import type { WeightFile } from './weightFile.js'

/** How a guidance model is loaded. */
export interface LoadGuidanceOptions {
  /** Position embeddings of views that are not square; for CLIP only. Default `fixed`. */
  readonly positions?: PositionMode
  /** For CLIP only. Default `float32`. */
  readonly precision?: Precision
}

/**
 * Loads the guidance model in `source`: a CLIP in the Hugging Face layout (`config.json`; `model.safetensors`, whole or
 * in shards, or `pytorch_model.bin`; `tokenizer.json`, or `vocab.json` and `merges.txt`, or OpenAI's vocabulary) or in
 * that of open_clip, or the starter model. The image tower's weights are read at once, the text tower's when texts are
 * encoded.
 * @param runtime runs the text tower
 * @throws GUIDANCE_INVALID for missing files, an unknown kind or activation, wrong shapes, weights that are no numbers;
 *   SAFETENSORS_INVALID; PRECISION_UNAVAILABLE
 */
export async function loadGuidance(
  source: FileSource,
  runtime: Runtime,
  { positions = 'fixed', precision = 'float32' }: LoadGuidanceOptions = {},
): Promise<GuidanceModel> {
  if (
    (await source.size('config.json')) !== null &&
    kindOfModel(await readJson(source, 'config.json'), `${source.location}/config.json`) === 'starter'
  ) {
    if (precision !== 'float32') throw withoutTransformer('the starter model')
    return loadStarter(source, runtime)
  }
  const { config, file, tokenize, normalisation } = await openClip(source)
  return createClip({
    config,
    read: (names) => file.weights(names),
    tokenize,
    runtime,
    positions,
    precision,
    normalisation,
  })
}

/** A CLIP whose files were checked but for the numbers in its tensors. */
export interface CheckedClip {
  readonly config: ClipConfig
  readonly file: WeightFile
  readonly tokenize: TextTokenizer
  readonly normalisation: Normalisation
}

/**
 * Checks all files of a CLIP, of its weights the header.
 * @throws GUIDANCE_INVALID, SAFETENSORS_INVALID
 */
export async function openClip(given: FileSource): Promise<CheckedClip> {
  const source = await inHuggingFaceLayout(given)
  const path = `${source.location}/config.json`
  const json = await readJson(source, 'config.json')
  kindOfModel(json, path)
  const config = parseClipConfig(json, path)
  const file = await openWeights(source)
  requireBothTowers(new Set(file.header.entries.keys()), file.path)
  requireOneSpace(file)
  file.require(new Map([...clipVisionShapes(config), ...clipTextShapes(config)]))
  return { config, file, tokenize: await tokenizerOf(source, config), normalisation: await normalisationOf(source) }
}

/**
 * The files as they are where they are in that layout, else made of those of open_clip.
 * @throws GUIDANCE_INVALID, SAFETENSORS_INVALID, PYTORCH_FILE_INVALID, PICKLE_UNSAFE
 */
export async function inHuggingFaceLayout(source: FileSource): Promise<FileSource> {
  // One after the other: a source on the web fetches what it is asked for.
  const whole =
    (await source.size('config.json')) !== null && (await firstOf(source, huggingFaceLayout.weights)) !== undefined
  return whole || (await source.size(openClipLayout.config)) === null ? source : await openClipSource(source)
}

async function firstOf(source: FileSource, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if ((await source.size(name)) !== null) return name
  return undefined
}

async function openWeights(source: FileSource): Promise<WeightFile> {
  const name = await firstOf(source, huggingFaceLayout.weights)
  if (name === shardIndex) return await openShards(source)
  return name?.endsWith('.bin') === true
    ? await openWeightFile(await withSafetensors(source), 'model.safetensors', new Map())
    : await openWeightFile(source, name ?? 'model.safetensors', new Map())
}

/** Both towers embed into one space; where they do not, one of them is of another model. */
function requireOneSpace({ header, path }: WeightFile): void {
  const [image, text] = ['visual_projection.weight', 'text_projection.weight'].map(
    (name) => header.entries.get(name)?.shape[0],
  )
  if (image === undefined || text === undefined || image === text) return
  throw new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected the image and the text part of ${path} to give embeddings of one width, they give ${image} and ${text} numbers. ` +
      'They are of different models; copy or download the whole model again.',
  )
}

async function tokenizerOf(source: FileSource, { text_config: text }: ClipConfig): Promise<TextTokenizer> {
  const contextLength = text.max_position_embeddings
  const has = async (name: string): Promise<boolean> => (await source.size(name)) !== null
  if (!(await has('tokenizer.json')) && !(await has('vocab.json')) && (await has(openAiVocabulary))) {
    // Its own 1.4 MB, or the 3 MB that they unfold into.
    if (text.vocab_size === openAiTokens && ((await source.size(openAiVocabulary)) ?? 0) <= longestVocabulary)
      return createBundledTokenizer(await source.read(openAiVocabulary), contextLength)
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${source.location} to read OpenAI's ${openAiTokens} tokens, since it has no tokenizer files; its text part reads ${text.vocab_size}. ` +
        'Put its tokenizer.json beside it, in a folder in the Hugging Face layout.',
    )
  }
  const tokenizerConfig = (await has('tokenizer_config.json')) ? await readJson(source, 'tokenizer_config.json') : {}
  return createTextTokenizer(await tokenizerJsonOf(source), tokenizerConfig, contextLength, source.location)
}

async function tokenizerJsonOf(source: FileSource): Promise<unknown> {
  if ((await source.size('tokenizer.json')) !== null) return readJson(source, 'tokenizer.json')
  if ((await source.size('vocab.json')) === null || (await source.size('merges.txt')) === null) {
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected tokenizer.json, or vocab.json and merges.txt, among the guidance model's files; ${source.location} has neither. Copy or ` +
        'download the whole model.',
    )
  }
  const vocab = z.record(z.string(), z.int().nonnegative()).safeParse(await readJson(source, 'vocab.json'))
  const merges = await readText(source, 'merges.txt')
  try {
    if (vocab.success) return clipTokenizerJson(vocab.data, merges)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected a CLIP vocabulary: ${source.location}/${error.message}. Copy or download the model's tokenizer files again.`,
    )
  }
  throw new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${source.location}/vocab.json to map tokens to ids, it does not. Copy or download the file again.`,
  )
}

/** The file may name other means than OpenAI's. */
async function normalisationOf(source: FileSource): Promise<Normalisation> {
  const name = normalisationFile
  if ((await source.size(name)) === null) return clipNormalisation
  const rgb = z.tuple([z.number(), z.number(), z.number()])
  const { mean, std } = clipNormalisation
  const preprocessor = z.object({ image_mean: rgb.default([...mean]), image_std: rgb.default([...std]) })
  const parsed = preprocessor.safeParse(await readJson(source, name))
  if (parsed.success && parsed.data.image_std.every((x) => x > 0))
    return { mean: parsed.data.image_mean, std: parsed.data.image_std }
  throw new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected image_mean and image_std in ${source.location}/${name} to be three numbers each, deviations above 0. Copy or download the ` +
      'file again.',
  )
}
