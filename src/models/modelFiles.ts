import type { FileSource } from './fileSource.js'
import { readShards, shardIndex } from './shards.js'

/** Means and deviations of the pixels, where they are not OpenAI's. */
export const normalisationFile = 'preprocessor_config.json'

/** OpenAI's vocabulary under its own name: stands in for tokenizer files. */
export const openAiVocabulary = 'bpe_simple_vocab_16e6.txt.gz'
export const openAiTokens = 49408

const tokenizerFiles = ['tokenizer_config.json', 'tokenizer.json', 'vocab.json', 'merges.txt', openAiVocabulary]

/**
 * The files that a model is published as: what describes it, and its weights in the order in which they are preferred.
 */
export interface Layout {
  readonly name: 'Hugging Face' | 'open_clip'
  readonly config: string
  readonly descriptions: readonly string[]
  readonly weights: readonly string[]
}

export const huggingFaceLayout: Layout = {
  name: 'Hugging Face',
  config: 'config.json',
  descriptions: ['config.json', normalisationFile, ...tokenizerFiles],
  weights: ['model.safetensors', shardIndex, 'pytorch_model.bin', 'model.fp16.safetensors'],
}
/** Of the open_clip library; its tokenizer is OpenAI's where no file says otherwise. */
export const openClipLayout: Layout = {
  name: 'open_clip',
  config: 'open_clip_config.json',
  descriptions: ['open_clip_config.json', ...tokenizerFiles],
  weights: ['open_clip_model.safetensors', 'open_clip_pytorch_model.bin'],
}

/** Every file that a model may be read from, but for the shards that an index names. */
const modelFiles: readonly string[] = [
  ...new Set([huggingFaceLayout, openClipLayout].flatMap(({ descriptions, weights }) => [...descriptions, ...weights])),
]

const hasWeights = (present: ReadonlySet<string>, { config, weights }: Layout): boolean =>
  present.has(config) && weights.some((name) => present.has(name))

/** The layout of the files `present`: many repositories offer both. */
export const layoutOf = (present: ReadonlySet<string>): Layout =>
  !hasWeights(present, huggingFaceLayout) && hasWeights(present, openClipLayout) ? openClipLayout : huggingFaceLayout

export const hasTokenizer = (present: ReadonlySet<string>): boolean =>
  present.has('tokenizer.json') ||
  (present.has('vocab.json') && present.has('merges.txt')) ||
  present.has(openAiVocabulary)

/**
 * Which of the files `present` a model is read from; the weights come last, so that where they are, all is. Shards are
 * not among them: their index, which is, names them.
 */
export function wantedFiles(present: ReadonlySet<string>): string[] {
  const { descriptions, weights } = layoutOf(present)
  return [
    ...descriptions.filter((name) => present.has(name)),
    ...weights.filter((name) => present.has(name)).slice(0, 1),
  ]
}

/** What a model cannot do without and `present` lacks, as a person would name it. */
export function missingFiles(present: ReadonlySet<string>): string[] {
  const { name, config, weights } = layoutOf(present)
  return [
    ...(present.has(config) ? [] : [config]),
    ...(hasTokenizer(present) || name === 'open_clip' ? [] : ['tokenizer.json (or vocab.json and merges.txt)']),
    ...(weights.some((file) => present.has(file))
      ? []
      : [`model.safetensors (or pytorch_model.bin)${insteadOf(present)}`]),
  ]
}

/** Files that hold weights in ways that are not read, as an explanation. */
function insteadOf(present: ReadonlySet<string>): string {
  const others = [...present].filter(
    (name) =>
      !modelFiles.includes(name) &&
      /\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|onnx|gguf)$|\.bin\.index\.json$/.test(name),
  )
  return others.length === 0
    ? ''
    : `, only ${others.slice(0, 4).join(', ')}${others.length > 4 ? ', ...' : ''}, which ${others.length === 1 ? 'is' : 'are'} not read under such a name`
}

/**
 * The files of a model in `source`, shards included, and what it lacks.
 * @throws GUIDANCE_INVALID for an index of shards that cannot be used
 */
export async function surveyModel(
  source: FileSource,
): Promise<{ readonly files: string[]; readonly missing: string[] }> {
  const known = await Promise.all(modelFiles.map(async (name) => ((await source.size(name)) === null ? [] : [name])))
  const present = new Set([...known.flat(), ...((await source.list?.()) ?? [])])
  const files = wantedFiles(present)
  if (!files.includes(shardIndex)) return { files, missing: missingFiles(present) }
  const { shards } = await readShards(source)
  const there = await Promise.all(shards.map(async (name) => (await source.size(name)) !== null))
  const absent = shards.filter((_, i) => !there[i]).map((name) => `${name}, which ${shardIndex} names`)
  return { files: [...files, ...shards.filter((_, i) => there[i])], missing: [...missingFiles(present), ...absent] }
}
