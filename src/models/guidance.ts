import type { Tensor } from 'onnxruntime-common'
import type { Graph, Value } from '../engine/graph.js'
import { type Runtime, tensorOf } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { TokenizedText } from './textTokenizer.js'

/** A frozen tensor, row-major: float32, or the codes of a `QuantizedMatrix`. */
export interface FrozenTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array | Int8Array
}

/** A frozen tensor of float32. */
export interface WeightTensor extends FrozenTensor {
  readonly data: Float32Array
}

/** The graph input that holds the frozen weight `name`; the same Value for the same name. */
export type WeightInputs = (name: string) => Value

/** Channel means and standard deviations (RGB) of the pixels in [0,1] that the image tower was trained on. */
export interface Normalisation {
  readonly mean: readonly [number, number, number]
  readonly std: readonly [number, number, number]
}

export interface EncodeTextOptions {
  /**
   * Cut a text that is longer than the text tower's context at the end of its last word that fits. Default: such a text
   * is an error.
   */
  readonly truncate?: boolean
  /** Gives the encoding up between two runs of the text tower. */
  readonly signal?: AbortSignal | undefined
}

/** What a guidance model can be asked. */
export interface GuidanceAnswers {
  /**
   * It reads texts: `embed` and `encodeTexts` meet in one space, for the composition, directional and screen losses.
   */
  readonly texts: boolean
  /** `tokens` describe the layout of a picture, for the structure loss. */
  readonly structure: boolean
  /** `relevancy` says where texts are in a picture, for a region and the bootstrap loss. */
  readonly relevancy: boolean
}

/** What CLIP and the starter model answer. */
export const everyAnswer: GuidanceAnswers = { texts: true, structure: true, relevancy: true }

/**
 * A pair of frozen towers, image and text, whose embeddings meet in one space: what CLIP is to Text2LIVE. The image
 * tower is written into the caller's graph, so that gradients reach the pixels; the text tower runs on its own, before
 * training, and its weights are freed.
 *
 * Pixels are always in [0,1], NCHW: the normalisation belongs to the model. A height or width that is no multiple of
 * `cell` loses its last rows or columns, as the patch convolution of CLIP drops them.
 */
export interface GuidanceModel {
  /** Prefix of the graph inputs that hold its weights. */
  readonly name: string
  /** What a person should know of how it was opened. */
  readonly notes?: readonly string[]
  /** What it may be asked; a method that it has no answer for throws GUIDANCE_INCAPABLE. */
  readonly answers: GuidanceAnswers
  /** D: numbers in an embedding; 0 for a model that reads no texts. */
  readonly embeddingWidth: number
  /** Side of the square of pixels that one image token stands for (32 for ViT-B/32). */
  readonly cell: number
  /**
   * Side that the tower was trained at (224): the short side of the views, and both sides of the image given to
   * `relevancy`.
   */
  readonly imageSize: number
  /** Tokens that a text may have, begin and end included. */
  readonly contextLength: number
  readonly normalisation: Normalisation
  /** The image tower's weights by name: what the graph inputs hold. */
  readonly weights: ReadonlyMap<string, FrozenTensor>
  /**
   * Those of `weights` that belong into the graph itself: on the CPU, ONNX Runtime only uses its fast blocked layout
   * for convolutions whose kernels are constants (forward and backward of the starter's trunk take two thirds of the
   * time). Few and small; empty for CLIP.
   */
  readonly constants: ReadonlySet<string>

  /**
   * Whether twice the views in one batch take less than twice the time: long products do, convolutions do not, whose
   * tensors only outgrow the cache.
   */
  readonly gainsByBatch: boolean

  /**
   * Whether `relevancy` answers any number of texts at the cost of one and on one scale, so that a place can be asked
   * which of many texts it speaks for most.
   */
  readonly comparesTexts: boolean

  /** Embeddings [V, D], not normalised, of the views [V, 3, h, w]. */
  embed(views: Value, weights: WeightInputs): Value

  /**
   * The tokens [t, d] of one image [1, 3, h, w] whose cosine self-similarity is the structure loss's descriptor (paper,
   * Eq. 5).
   */
  tokens(image: Value, weights: WeightInputs): Value

  /**
   * How much each cell of the image [1, 3, h, w] speaks for each text, [K, 1, h/cell, w/cell]: the raw map, before it
   * is resized and stretched to [0,1] (Chefer et al. 2021; the bootstrap loss).
   * @param texts embeddings [K, D] of `relevancyText(prompt)`
   */
  relevancy(image: Value, texts: Value, weights: WeightInputs): Value

  /** The text to embed for the relevancy of `prompt`: the prompt itself for CLIP. */
  relevancyText(prompt: string): string

  /**
   * Token ids of a text, begin and end included, where it had to be cut to fit `contextLength`, and what of it the
   * model cannot read.
   */
  tokenize(text: string): TokenizedText

  /**
   * Embeddings [N, D] of N texts, row-major, not normalised.
   * @throws PROMPT_TOO_LONG for a text that does not fit, unless `truncate`; PROMPT_NOT_UNDERSTOOD for a text of which
   *   the model knows no word; INTERRUPTED
   */
  encodeTexts(texts: readonly string[], options?: EncodeTextOptions): Promise<Float32Array>

  /** Keeps the text tower's weights while `work` lasts, so that several calls of `encodeTexts` read them once. */
  holdTexts<T>(work: () => Promise<T>): Promise<T>
}

/** `holdTexts` of each of the models. */
export const holdTextTowers = <T>(models: readonly GuidanceModel[], work: () => Promise<T>): Promise<T> =>
  models.reduce((inner, model) => () => model.holdTexts(inner), work)()

/** The weights of one model as inputs of one graph. */
export interface WeightBinding {
  readonly inputs: WeightInputs
  /**
   * What to feed: the tensors that the graph asked for so far as inputs, by the name of their graph input
   * (`<model>.<weight>`).
   */
  readonly used: ReadonlyMap<string, FrozenTensor>
}

/**
 * Lets `model` write itself into `graph`: each weight becomes a frozen graph input, or a constant, when it is first
 * asked for.
 * @throws GRAPH_INVALID for a weight the model does not have
 */
export function bindWeights(
  graph: Graph,
  model: Pick<GuidanceModel, 'name' | 'weights'> & Partial<Pick<GuidanceModel, 'constants'>>,
): WeightBinding {
  const used = new Map<string, FrozenTensor>()
  const values = new Map<string, Value>()
  const inputs: WeightInputs = (name) => {
    const known = values.get(name)
    if (known) return known
    const weight = model.weights.get(name)
    if (!weight) throw new Text2LiveError('GRAPH_INVALID', `the ${model.name} model has no weight named "${name}"`)
    const input = `${model.name}.${name}`
    const constant = model.constants?.has(name) === true
    const dtype = weight.data instanceof Int8Array ? 'int8' : 'float32'
    const value = constant ? graph.constant(weight.data, weight.shape, dtype) : graph.input(input, weight.shape, dtype)
    values.set(name, value)
    if (!constant) used.set(input, weight)
    return value
  }
  return { inputs, used }
}

/** What a program is fed of the weights that its graph asked for, by the name of their graph input. */
export function weightFeeds(used: WeightBinding['used'], runtime: Runtime): Record<string, Tensor> {
  return Object.fromEntries([...used].map(([name, rows]) => [name, tensorOf(rows, runtime)]))
}

/** The models with names of their own, so that one graph can hold them all: those that share a name are numbered. */
export function withDistinctNames(models: readonly GuidanceModel[]): readonly GuidanceModel[] {
  const shared = (name: string) => models.filter((model) => model.name === name).length > 1
  return models.map((model, i) => (shared(model.name) ? { ...model, name: `${model.name}${i + 1}` } : model))
}

/** @throws SHAPE_MISMATCH when the image is a batch */
export function oneImage(image: Value, model: string): Value {
  if (image.shape[0] === 1) return image
  throw new Text2LiveError(
    'SHAPE_MISMATCH',
    `${model}: expected one image [1, 3, h, w], came [${image.shape.join(', ')}]`,
  )
}
