import { Graph } from '../engine/graph.js'
import type { Value } from '../engine/graph.js'
import {
  add,
  gelu,
  gemm,
  layerNorm,
  matmul,
  mul,
  normalizeLength,
  reduceSum,
  reshape,
  softmax,
  transpose,
} from '../engine/ops.js'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { toFloat32 } from '../formats/toFloat32.js'
import { bindWeights, weightFeeds } from './guidance.js'
import type { WeightInputs, WeightTensor } from './guidance.js'
import type { StarterConfig, StarterText } from './starterConfig.js'
import { linear } from './transformerBlock.js'
import { requireFinite } from './weightFile.js'
import type { WeightFile, WeightShapes } from './weightFile.js'

export const wordEmbeddings = 'embeddings.word_embeddings.weight'
export const positionEmbeddings = 'embeddings.position_embeddings.weight'
const typeEmbeddings = 'embeddings.token_type_embeddings.weight'
const projection = 'text_projection.weight'

/** Tokens in one run of the encoder, padding among them: more would only grow its activations. */
const MOST_TOKENS = 2048
/** The least that a text fills of the length that it is padded to. */
const LEAST_FILLED = 0.6

export interface StarterTextResult {
  /** [N, width], the sentence embeddings before the projection, of length 1. */
  readonly sentences: Float32Array
  /** [N, D], of length 1. */
  readonly embeddings: Float32Array
}

/**
 * Names and shapes of the BERT encoder and its projection; `vocabulary` and `positions` are as many as the file has.
 */
export function starterTextShapes(
  { text: { layers, width, mlp }, embed_dim: D }: StarterConfig,
  vocabulary: number,
  positions: number,
): WeightShapes {
  const shapes = new Map<string, readonly number[]>([
    [wordEmbeddings, [vocabulary, width]],
    [positionEmbeddings, [positions, width]],
    [typeEmbeddings, [2, width]],
    ['embeddings.LayerNorm.weight', [width]],
    ['embeddings.LayerNorm.bias', [width]],
    [projection, [D, width]],
  ])
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layer.${i}`
    for (const [name, out, from] of [
      ['attention.self.query', width, width],
      ['attention.self.key', width, width],
      ['attention.self.value', width, width],
      ['attention.output.dense', width, width],
      ['intermediate.dense', mlp, width],
      ['output.dense', width, mlp],
    ] as const)
      shapes.set(`${layer}.${name}.weight`, [out, from]).set(`${layer}.${name}.bias`, [out])
    for (const name of ['attention.output.LayerNorm', 'output.LayerNorm']) {
      shapes.set(`${layer}.${name}.weight`, [width]).set(`${layer}.${name}.bias`, [width])
    }
  }
  return shapes
}

/** The encoder of sentences as it lies in memory. */
export interface SentenceEncoder {
  /** All but the embedding tables. */
  readonly weights: ReadonlyMap<string, WeightTensor>
  /** The table of words, rows of int8, and the scale of each; of 30,522 words only those in use are made float. */
  readonly words: { readonly count: number; readonly rows: Int8Array; readonly scale: Float32Array }
  readonly positions: Float32Array
  readonly types: Float32Array
}

/** The encoder, and its projection into the image tower's space. */
export interface StarterTextWeights extends SentenceEncoder {
  readonly projection: WeightTensor
}

export async function readStarterText(file: WeightFile, config: StarterConfig): Promise<StarterTextWeights> {
  return {
    ...(await readSentenceEncoder(file, config)),
    projection: (await file.weights([projection])).get(projection)!,
  }
}

export async function readSentenceEncoder(file: WeightFile, config: StarterConfig): Promise<SentenceEncoder> {
  const {
    shape: [count = 0],
    bytes,
  } = await file.tensor(wordEmbeddings)
  return {
    weights: await dequantised(file, config),
    words: {
      count,
      rows: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      scale: toFloat32(await file.tensor(`${wordEmbeddings}.scale`)),
    },
    positions: toFloat32(await file.tensor(positionEmbeddings)),
    types: toFloat32(await file.tensor(typeEmbeddings)),
  }
}

/** all-MiniLM-L6-v2 and its projection into the image tower's space: token ids of N texts -> unit vectors. */
export async function encodeStarterTexts(
  ids: readonly (readonly number[])[],
  config: StarterConfig,
  weights: StarterTextWeights,
  runtime: Runtime,
): Promise<StarterTextResult> {
  const sentences = await sentenceVectors(ids, config, weights, runtime)
  const [N, width, D] = [ids.length, config.text.width, config.embed_dim]
  if (N === 0) return { sentences, embeddings: new Float32Array(0) }
  const graph = new Graph()
  const [s, w] = [graph.input('sentences', [N, width]), graph.input('weight', [D, width])]
  const program = await runtime.compile(graph, { embeddings: normalizeLength(gemm(s, w, null, { transB: true })) })
  try {
    const { embeddings } = await program.run({
      sentences: new runtime.Tensor('float32', sentences, [N, width]),
      weight: new runtime.Tensor('float32', weights.projection.data, [D, width]),
    })
    return { sentences, embeddings: (await embeddings!.getData()) as Float32Array }
  } finally {
    await program.release()
  }
}

/** The encoder alone: token ids of N texts -> sentence embeddings [N, width] of length 1. */
export async function sentenceVectors(
  ids: readonly (readonly number[])[],
  config: StarterConfig,
  encoder: SentenceEncoder,
  runtime: Runtime,
): Promise<Float32Array> {
  const { width } = config.text
  const sentences = new Float32Array(ids.length * width)
  for (const batch of batchesByLength(ids.map(({ length }) => length))) {
    const texts = batch.map((i) => ids[i]!)
    const vectors = await encodeBatch(texts, config.text, encoder, runtime)
    batch.forEach((i, k) => {
      sentences.set(vectors.subarray(k * width, (k + 1) * width), i * width)
    })
  }
  return sentences
}

/** Texts that run together, as indices: each batch costs a compilation, and all in it are padded to the longest. */
function batchesByLength(lengths: readonly number[]): number[][] {
  const batches: number[][] = []
  let longest = 0
  const longestFirst = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]!)
  for (const i of longestFirst) {
    const batch = batches.at(-1)
    const fits = batch && (batch.length + 1) * longest <= MOST_TOKENS && lengths[i]! >= LEAST_FILLED * longest
    if (fits) batch.push(i)
    else {
      batches.push([i])
      longest = lengths[i]!
    }
  }
  return batches
}

async function encodeBatch(
  ids: readonly (readonly number[])[],
  config: StarterText,
  encoder: SentenceEncoder,
  runtime: Runtime,
): Promise<Float32Array> {
  const N = ids.length
  const t = Math.max(...ids.map((text) => text.length))
  const { width: d } = config
  const graph = new Graph()
  const { inputs: w, used } = bindWeights(graph, { name: 'starter-text', weights: encoder.weights })
  const mask = graph.input('mask', [N, t]) // 1 for a token, 0 for padding
  const penalty = reshape(mul(add(mask, -1), 1e9), [N, 1, 1, t])
  let x = norm(graph.input('embedded', [N * t, d]), 'embeddings.LayerNorm', config, w)
  for (let i = 0; i < config.layers; i++) x = encoderLayer(x, `encoder.layer.${i}`, [N, t], penalty, config, w)
  const kept = mul(reshape(x, [N, t, d]), reshape(mask, [N, t, 1]))
  const sentences = normalizeLength(reduceSum(kept, [1])) // the mean over tokens, up to its length

  const program = await runtime.compile(graph, { sentences })
  try {
    const result = await program.run({
      ...weightFeeds(used, runtime),
      mask: new runtime.Tensor(
        'float32',
        new Float32Array(N * t).map((_, i) => (i % t < ids[Math.floor(i / t)]!.length ? 1 : 0)),
        [N, t],
      ),
      embedded: new runtime.Tensor('float32', embedTokens(ids, t, d, encoder), [N * t, d]),
    })
    return (await result.sentences!.getData()) as Float32Array
  } finally {
    await program.release()
  }
}

/** BERT's post-norm layer: x [N * t, d] -> [N * t, d]. */
function encoderLayer(
  x: Value,
  layer: string,
  [N, t]: readonly [number, number],
  penalty: Value,
  config: StarterText,
  w: WeightInputs,
): Value {
  const { heads: H, width: d } = config
  const heads = (name: string, perm: readonly number[]): Value =>
    transpose(reshape(linear(x, `${layer}.attention.self.${name}`, w), [N, t, H, d / H]), perm)
  const scores = mul(matmul(heads('query', [0, 2, 1, 3]), heads('key', [0, 2, 3, 1])), (d / H) ** -0.5) // [N, H, t, t]
  const mixed = matmul(softmax(add(scores, penalty)), heads('value', [0, 2, 1, 3])) // [N, H, t, d/H]
  const attended = linear(reshape(transpose(mixed, [0, 2, 1, 3]), [N * t, d]), `${layer}.attention.output.dense`, w)
  const h = norm(add(x, attended), `${layer}.attention.output.LayerNorm`, config, w)
  const fed = linear(gelu(linear(h, `${layer}.intermediate.dense`, w)), `${layer}.output.dense`, w)
  return norm(add(h, fed), `${layer}.output.LayerNorm`, config, w)
}

function norm(x: Value, name: string, { eps }: StarterText, w: WeightInputs): Value {
  return layerNorm(x, w(`${name}.weight`), w(`${name}.bias`), eps)
}

/** The encoder but its embedding tables, as float32: int8 rows times their scales. */
async function dequantised(file: WeightFile, config: StarterConfig): Promise<Map<string, WeightTensor>> {
  const weights = new Map<string, WeightTensor>()
  for (const name of starterTextShapes(config, 0, 0).keys()) {
    if (name === wordEmbeddings || name === positionEmbeddings || name === typeEmbeddings || name === projection)
      continue
    const tensor = await file.tensor(name)
    const data = toFloat32(tensor, `tensor "${name}"`)
    if (tensor.dtype === 'I8') {
      const scale = toFloat32(await file.tensor(`${name}.scale`))
      const columns = tensor.shape[1]!
      scale.forEach((factor, row) => {
        for (let i = row * columns; i < (row + 1) * columns; i++) data[i]! *= factor
      })
    }
    requireFinite('text.safetensors', name, data)
    weights.set(name, { shape: tensor.shape, data })
  }
  return weights
}

/** Sums of word, position and type-0 embeddings [N * t, d]. */
function embedTokens(
  ids: readonly (readonly number[])[],
  t: number,
  d: number,
  { words, positions, types }: SentenceEncoder,
): Float32Array {
  const embedded = new Float32Array(ids.length * t * d)
  ids.forEach((text, n) =>
    text.forEach((id, position) => {
      if (id >= words.count) {
        throw new Text2LiveError(
          'GUIDANCE_INVALID',
          `The tokenizer gives token ${id}, the text tower knows ${words.count}. Copy the model's folder again.`,
        )
      }
      const at = (n * t + position) * d
      for (let i = 0; i < d; i++)
        embedded[at + i] = words.rows[id * d + i]! * words.scale[id]! + positions[position * d + i]! + types[i]!
    }),
  )
  return embedded
}
