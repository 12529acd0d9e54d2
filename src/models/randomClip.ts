import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { createClip } from './clip.js'
import { parseClipConfig } from './clipConfig.js'
import type { ClipConfig } from './clipConfig.js'
import { byteVocabulary, clipTokenizerJson } from './clipTokenizer.js'
import { clipTextShapes, clipVisionShapes } from './clipWeights.js'
import type { ReadWeights } from './clipWeights.js'
import type { GuidanceModel, WeightTensor } from './guidance.js'
import type { PositionMode } from './positionEmbedding.js'
import type { Precision } from './precision.js'
import { createTextTokenizer } from './textTokenizer.js'

export interface RandomClipOptions {
  /** Default 0. */
  readonly seed?: number
  /** Default `fixed`. */
  readonly positions?: PositionMode
  /** Default `float32`. */
  readonly precision?: Precision
}

/**
 * A CLIP of any geometry with random weights, for tests and benchmarks: the same config and seed give the same model on
 * every machine. Texts are tokenized byte by byte.
 * @param config fields of a Hugging Face `config.json`; what is left out is that of ViT-B/32
 * @throws GUIDANCE_INVALID for a geometry that cannot be
 */
export async function randomClip(
  config: Record<string, unknown>,
  runtime: Runtime,
  { seed = 0, positions = 'fixed', precision = 'float32' }: RandomClipOptions = {},
): Promise<GuidanceModel> {
  const parsed = parseClipConfig({ model_type: 'clip', ...config }, 'the random CLIP')
  const { vocab_size: vocabulary, max_position_embeddings: contextLength } = parsed.text_config
  if (vocabulary < 514) {
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected text_config.vocab_size of at least 514 for a random CLIP (512 bytes, begin and end), it is ${vocabulary}. Raise it.`,
    )
  }
  const tokenize = createTextTokenizer(
    clipTokenizerJson(byteVocabulary(vocabulary), ''),
    {},
    contextLength,
    'the random CLIP',
  )
  return createClip({ config: parsed, tokenize, runtime, positions, precision, read: randomClipWeights(parsed, seed) })
}

/** The weights of `randomClip`, made anew whenever they are read. */
export function randomClipWeights(config: ClipConfig, seed: number): ReadWeights {
  const shapes = new Map([...clipVisionShapes(config), ...clipTextShapes(config)])
  return (names) =>
    Promise.resolve(new Map([...names].map((name) => [name, randomWeight(name, shapes.get(name)!, seed)])))
}

/** Norms around 1, biases and embeddings small, matrices such that a unit input gives a unit output. */
function randomWeight(name: string, shape: readonly number[], seed: number): WeightTensor {
  const gain = name.includes('norm') && name.endsWith('.weight')
  const fanIn = shape.length > 1 ? shape.slice(1).reduce((product, n) => product * n) : 1
  const deviation =
    gain || name.endsWith('.bias')
      ? 0.1
      : name.includes('embedding') && !name.includes('patch')
        ? 0.3
        : 1 / Math.sqrt(fanIn)
  const next = uniform(seed, name)
  const width = deviation * Math.sqrt(12)
  const data = new Float32Array(shape.reduce((product, n) => product * n, 1))
  for (let i = 0; i < data.length; i++) data[i] = (gain ? 1 : 0) + width * (next() - 0.5)
  return { shape, data }
}

/** Numbers in [0, 1) by mulberry32, one stream per seed and name: 150 million of them take about a second. */
export function uniform(seed: number, name: string): () => number {
  let state = 2166136261 ^ seed
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 16777619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
