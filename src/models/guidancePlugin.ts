import * as ops from '../engine/ops.js'
import type { Value } from '../engine/graph.js'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { type GuidanceModel, oneImage, type WeightInputs, type WeightTensor } from './guidance.js'

/**
 * A guidance model from outside the package: what a module exports as its default. It needs no import of this package:
 * what it writes graphs with is handed to it.
 */
export interface GuidancePlugin {
  /** Small letters, digits and dashes, beginning with a letter. */
  readonly name: string
  /** As npm's: "1.0.0". Raise it whenever the numbers change: a run goes on with that version only. */
  readonly version: string
  /** Opens the model; called again for each run. */
  open(tools: GuidanceTools): GuidanceParts | Promise<GuidanceParts>
}

/** What a plug-in works with. */
export interface GuidanceTools {
  /** The operators of a graph, each with its gradient: `text2live/core`'s `ops`. */
  readonly ops: typeof ops
  /** The engine, for a text tower that is a graph itself. */
  readonly runtime: Runtime
}

/**
 * What a plug-in answers. Each of `texts`, `tokens` and `relevancy` may be left out: `texts` serves the composition,
 * directional and screen losses, `tokens` the structure loss, `relevancy` a region. Pixels are in [0, 1], RGB, NCHW;
 * all that is written into a graph must have a gradient down to the pixels.
 */
export interface GuidanceParts {
  /** Side of the square of pixels that one token or one cell of the relevancy stands for; a whole number. */
  readonly cell: number
  /** Short side of the views, and both sides of the image given to `relevancy`; px, a multiple of `cell`. */
  readonly imageSize: number
  /** Frozen tensors that graphs ask for by name. Default: none. */
  readonly weights?: ReadonlyMap<string, WeightTensor>
  readonly texts?: {
    /** D: numbers in an embedding. */
    readonly width: number
    /** Embeddings [V, D] of the views [V, 3, h, w]; their length does not count. */
    embed(views: Value, weights: WeightInputs): Value
    /** Embeddings [N, D] of N texts, row-major. @throws PROMPT_TOO_LONG, PROMPT_NOT_UNDERSTOOD */
    encode(texts: readonly string[], signal?: AbortSignal): Float32Array | Promise<Float32Array>
  }
  /** The tokens [t, d] of one image [1, 3, h, w], whose cosine self-similarity is kept by the structure loss. */
  readonly tokens?: (image: Value, weights: WeightInputs) => Value
  /**
   * How much each cell of the image [1, 3, h, w] speaks for each of the texts [K, D], which `texts` encoded:
   * [K, 1, floor(h / cell), floor(w / cell)]. Needs `texts`.
   */
  readonly relevancy?: (image: Value, texts: Value, weights: WeightInputs) => Value
}

/**
 * Opens the model of a plug-in and holds it to what it declares.
 * @throws GUIDANCE_INVALID for parts that are missing or no numbers, and later, of the model, for what has another
 *   shape; what `open` throws
 */
export async function openPlugin(plugin: GuidancePlugin, runtime: Runtime): Promise<GuidanceModel> {
  const { name } = plugin
  const parts = checkedParts(name, await plugin.open({ ops, runtime }))
  const { cell, imageSize, texts, tokens, relevancy, weights = new Map<string, WeightTensor>() } = parts
  const width = texts?.width ?? 0
  return {
    name,
    answers: { texts: texts !== undefined, structure: tokens !== undefined, relevancy: relevancy !== undefined },
    embeddingWidth: width,
    cell,
    imageSize,
    contextLength: Infinity,
    normalisation: { mean: [0, 0, 0], std: [1, 1, 1] },
    weights,
    constants: new Set(),
    gainsByBatch: false,
    comparesTexts: false,
    embed: (views, w) =>
      texts === undefined
        ? incapable(name, 'texts')
        : withShape(name, 'texts.embed', texts.embed(views, w), [views.shape[0]!, width]),
    tokens(image, w) {
      if (tokens === undefined) return incapable(name, 'tokens')
      const all = tokens(oneImage(image, name), w)
      return withShape(name, 'tokens', all, [all.shape[0]!, all.shape[1]!])
    },
    relevancy: (image, asked, w) =>
      relevancy === undefined
        ? incapable(name, 'relevancy')
        : withShape(name, 'relevancy', relevancy(oneImage(image, name), asked, w), [
            asked.shape[0]!,
            1,
            Math.floor(image.shape[2]! / cell),
            Math.floor(image.shape[3]! / cell),
          ]),
    relevancyText: (prompt) => prompt,
    tokenize: () => ({ ids: [] }),
    async encodeTexts(all, { signal } = {}) {
      if (texts === undefined) return incapable(name, 'texts')
      const rows: unknown = all.length === 0 ? new Float32Array() : await texts.encode(all, signal)
      if (rows instanceof Float32Array && rows.length === all.length * width && rows.every(Number.isFinite)) return rows
      throw invalid(
        name,
        `texts.encode to give ${all.length} rows of ${width} finite numbers in a Float32Array, it gave ${rows instanceof Float32Array ? `${rows.length} numbers, or some that are not finite` : typeof rows}`,
      )
    },
    holdTexts: (work) => work(),
  }
}

function checkedParts(name: string, parts: GuidanceParts): GuidanceParts {
  // It comes from JavaScript, whatever its type says.
  const { cell, imageSize, texts, tokens, relevancy, weights }: Partial<GuidanceParts> = parts
  if (!isCount(cell) || !isCount(imageSize) || imageSize % cell !== 0 || imageSize > 4096)
    throw invalid(
      name,
      `cell and imageSize in whole pixels, imageSize a multiple of cell and at most 4096; got ${cell} and ${imageSize}`,
    )
  if (texts === undefined && tokens === undefined)
    throw invalid(name, 'at least one of texts and tokens; it has neither, so that no loss could ask it')
  if (texts !== undefined && !isCount(texts.width))
    throw invalid(name, `texts.width to count the numbers of an embedding; got ${String(texts.width)}`)
  if (relevancy !== undefined && texts === undefined)
    throw invalid(name, 'texts beside relevancy, which is asked with embedded texts')
  for (const [weight, { shape, data }] of weights ?? [])
    if (shape.reduce((product, n) => product * n, 1) !== data.length || !data.every(Number.isFinite))
      throw invalid(
        name,
        `weight "${weight}" to be ${shape.join(' x ')} finite numbers; it has ${data.length}, or some that are not finite`,
      )
  return parts
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0

function withShape(name: string, what: string, value: Value, shape: readonly number[]): Value {
  if (value.shape.join() === shape.join()) return value
  throw invalid(name, `${what} to give [${shape.join(', ')}], it gives [${value.shape.join(', ')}]`)
}

function incapable(name: string, part: keyof GuidanceParts): never {
  throw new Text2LiveError(
    'GUIDANCE_INCAPABLE',
    `Expected the guidance model ${name} to have "${part}"; it has none. Look at its \`answers\` before asking it.`,
  )
}

/** @param expected a clause without its full stop */
const invalid = (name: string, expected: string): Text2LiveError =>
  new Text2LiveError(
    'GUIDANCE_INVALID',
    `The guidance plug-in ${name} is not one: expected ${expected}. Mend it; docs/plugins.md says what it needs.`,
  )
