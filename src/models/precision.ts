import { gradients } from '../engine/gradients.js'
import { Graph, type Value, sizeOf } from '../engine/graph.js'
import { concat, mul, reduceSum, reshape } from '../engine/ops.js'
import { integerProductsAreExact, quantizeMatrix, roundedPeaks } from '../engine/ops/quantized.js'
import { randomStream } from '../engine/random.js'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { bindWeights, weightFeeds } from './guidance.js'
import type { FrozenTensor, WeightInputs, WeightTensor } from './guidance.js'

/**
 * What the products of a frozen transformer are computed in: float32, or integers of 8 bits (`quantizedLinear`), which
 * processors with instructions for them multiply several times faster.
 */
export type Precision = 'float32' | 'int8'

/** @throws PRECISION_UNAVAILABLE where integer products would be wrong, or slower than float32 */
export async function requireIntegerProducts(runtime: Runtime): Promise<void> {
  const remedy = 'Use --precision float32'
  if (runtime.device !== 'cpu') {
    throw new Text2LiveError(
      'PRECISION_UNAVAILABLE',
      `The precision int8 is for the CPU; the models run on ${runtime.device}. ${remedy}, or --device cpu.`,
    )
  }
  if (!runtime.native) {
    throw new Text2LiveError(
      'PRECISION_UNAVAILABLE',
      `The precision int8 needs a processor's own instructions, which a browser's WebAssembly does not reach. ${remedy}.`,
    )
  }
  if (!(await integerProductsAreExact(runtime))) {
    throw new Text2LiveError(
      'PRECISION_UNAVAILABLE',
      `The precision int8 needs a processor that adds products of bytes without loss (x86 with VNNI or AMX, ARM); this one's sums come out ` +
        `too small. ${remedy}.`,
    )
  }
}

/** The refusal of a guidance model whose image part is no transformer. */
export function withoutTransformer(model: string): Text2LiveError {
  return new Text2LiveError(
    'PRECISION_UNAVAILABLE',
    `The precision int8 is for the image transformer of a CLIP; the guidance ${model} has none. Use --precision float32, or name a CLIP with ` +
      '--guidance.',
  )
}

/** The weights of a block with its matrices as codes, and their scales as `<layer>.scales`. */
export function quantizeBlock(folded: ReadonlyMap<string, WeightTensor>): Map<string, FrozenTensor> {
  const kept = new Map<string, FrozenTensor>()
  for (const [name, tensor] of folded) {
    const [out, into] = tensor.shape
    if (out === undefined || into === undefined) kept.set(name, tensor)
    else {
      const { codes, scales } = quantizeMatrix(tensor.data, [out, into])
      kept
        .set(name, { shape: [into, out], data: codes })
        .set(name.replace(/weight$/, 'scales'), { shape: [out], data: scales })
    }
  }
  return kept
}

/**
 * A layer stays in float32 where `roundedPeaks` is above this: then the step of its rounding is more than a quarter of
 * the mean magnitude in a row. Random weights give 4 to 11; of the sentence encoder in models/starter, a trained
 * transformer, the second product of the MLP exceeds it in three of six layers, which are those that cost its gradient
 * most (bench/precision.mjs).
 */
const LARGEST_PEAK = 34

/**
 * The layers of a quantised transformer whose numbers are too uneven for 8 bits, forward or backward: names as in
 * `blocks.3.fc2`.
 * @param write writes forward and backward pass into the graph and gives its feeds besides the weights
 */
export async function unevenLayers(
  weights: ReadonlyMap<string, FrozenTensor>,
  runtime: Runtime,
  write: (graph: Graph, weights: WeightInputs) => Readonly<Record<string, Float32Array>>,
): Promise<string[]> {
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, { name: 'probe', weights })
  const feeds = write(graph, inputs)
  const peaks = [...roundedPeaks(graph)]
  const program = await runtime.compile(graph, {
    peaks: concat(
      peaks.map(([, peak]) => reshape(peak, [1])),
      0,
    ),
  })
  try {
    const found = await program.run({ ...weightFeeds(used, runtime), ...feeds })
    const numbers = found.peaks!.data as Float32Array
    // One that is not a number is above any bound.
    return peaks.flatMap(([name], i) =>
      numbers[i]! <= LARGEST_PEAK ? [] : [name.replace(/^probe\./, '').replace(/\.weight$/, '')],
    )
  } finally {
    await program.release()
  }
}

/**
 * What `unevenLayers` tries an image tower with: pictures of noise, shades and edges, and a direction of embeddings.
 */
export function pictureProbe(side: number, embed: (views: Value, weights: WeightInputs) => Value) {
  return (graph: Graph, weights: WeightInputs): Record<string, Float32Array> => {
    const views = graph.input('views', [2, 3, side, side])
    const embedding = embed(views, weights)
    const draws = randomStream(0, 'precision')
    const direction = graph.constant(
      Array.from({ length: sizeOf(embedding.shape) }, () => draws.uniform(-1, 1)),
      embedding.shape,
    )
    // Called for what it writes into the graph.
    gradients(reduceSum(mul(embedding, direction)), [views])
    return { views: probeViews(side) }
  }
}

/** Two views [2, 3, side, side] in [0, 1]: a disc over a shaded ground, and the same with noise. */
function probeViews(side: number): Float32Array {
  const draws = randomStream(0, 'precision views')
  return new Float32Array(6 * side * side).map((_, i) => {
    const [x, y] = [(i % side) / side, (Math.floor(i / side) % side) / side]
    const [view, channel] = [Math.floor(i / (3 * side * side)), Math.floor(i / (side * side)) % 3]
    const disc =
      Math.hypot(x - 0.5, y - 0.45) < 0.3 ? [0.8, 0.55, 0.1][channel]! : 0.2 + 0.5 * y * (0.5 + 0.25 * channel)
    return Math.min(1, Math.max(0, disc + (view === 1 ? 0.2 * draws.uniform(-1, 1) : 0)))
  })
}
