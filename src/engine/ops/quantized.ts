import { Text2LiveError } from '../../errors.js'
import { Graph, type Value, show, withGradient } from '../graph.js'
import type { Runtime } from '../runtime.js'
import { reshape } from './broadcasting.js'
import { abs, add, cast, div, maximum, mul, neg } from './elementwise.js'
import { reduceMax, reduceMean, reduceMin } from './reduce.js'
import { transpose } from './shape.js'

/** A frozen matrix in 8 bits, each of its output channels with a scale of its own. */
export interface QuantizedMatrix {
  /** Multiples of the scales, [in, out]: transposed, as the forward product takes them. */
  readonly codes: Int8Array
  /** [out] */
  readonly scales: Float32Array
}

/** Codes are symmetric, so that a weight and its negative are equally far off. */
const LARGEST = 127

/** The nearest multiples of the row's largest magnitude / 127, for W [out, in] row-major. */
export function quantizeMatrix(weight: Float32Array, [out, into]: readonly [number, number]): QuantizedMatrix {
  const codes = new Int8Array(weight.length)
  const scales = new Float32Array(out)
  for (let row = 0; row < out; row++) {
    const from = row * into
    let largest = 0
    for (let i = from; i < from + into; i++) largest = Math.max(largest, Math.abs(weight[i]!))
    const scale = (scales[row] = largest / LARGEST)
    if (scale === 0) continue
    for (let i = 0; i < into; i++) codes[i * out + row] = Math.round(weight[from + i]! / scale)
  }
  return { codes, scales }
}

/**
 * x W^T + b with the products in integers: x [n, in], codes int8 [in, out] and scales [out] of `quantizeMatrix`, bias
 * [out] -> [n, out]. Each row of x is rounded to multiples of its largest magnitude / 127; so are the rows of the
 * cotangent times the scales, on the way back. To differentiation the rounding is the identity, and there is no
 * gradient but that of x. CPU only.
 *
 * @throws SHAPE_MISMATCH
 */
export function quantizedLinear(x: Value, codes: Value, scales: Value, bias: Value): Value {
  const [into, out] = codes.shape
  if (x.shape.length !== 2 || codes.shape.length !== 2 || codes.dtype !== 'int8' || x.shape[1] !== into) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `quantizedLinear: ${show(x.shape)} and ${codes.dtype} ${show(codes.shape)} do not multiply`,
    )
  }
  if (show(scales.shape) !== show([out!]) || show(bias.shape) !== show([out!])) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `quantizedLinear: expected scales and bias [${out}], came ${show(scales.shape)} and ${show(bias.shape)}`,
    )
  }
  return withGradient(add(roundedProduct(x, codes, scales), bias), [x], (g) => [
    () => roundedProduct(mul(g, scales), transpose(codes, [1, 0]), g.graph.scalar(1)),
  ])
}

/** a B diag(scales), the rows of a [n, k] rounded, B int8 [k, m]. */
function roundedProduct(a: Value, codes: Value, scales: Value): Value {
  const graph = a.graph
  const [n = 1] = a.shape
  const [, m = 1] = codes.shape
  const largest = maximum(reduceMax(a, [1], { keepDims: true }), neg(reduceMin(a, [1], { keepDims: true })))
  const step = mul(maximum(largest, SMALLEST), 1 / LARGEST) // [n, 1]
  const rounded = graph.apply({
    op: 'QuantizeLinear',
    inputs: [a, reshape(step, [n]), graph.constant(new Uint8Array(n).fill(ZERO), [n], 'uint8')],
    shape: a.shape,
    dtype: 'uint8',
    attributes: { axis: 0 },
  })
  const product = graph.apply({
    op: PRODUCT,
    inputs: [rounded, codes, graph.scalar(1), scales, graph.constant([ZERO], [], 'uint8')],
    shape: [n, m],
  })
  return mul(product, step)
}

const PRODUCT = 'com.microsoft.MatMulIntegerToFloat'

/**
 * How far the largest magnitude in a row stands above the mean one, the mean over the rows, of all that
 * `quantizedLinear` rounds in a graph: by the name of the input that holds the codes, the larger of forward and
 * backward pass. The finest difference is the largest magnitude / 127: where few numbers stand far out, the others are
 * rounded to little.
 */
export function roundedPeaks(graph: Graph): Map<string, Value> {
  const peaks = new Map<string, Value>()
  for (const { op, inputs } of [...graph.nodes]) {
    if (op !== PRODUCT) continue
    const [rounded, codes] = inputs as [Value, Value]
    const magnitude = abs(rounded.node.inputs[0]!)
    const mean = maximum(reduceMean(magnitude, [1]), SMALLEST)
    const peak = reduceMean(div(reduceMax(magnitude, [1]), mean)) // []
    const { kind, op: name, inputs: transposed } = codes.node
    const layer = kind === 'input' ? name : transposed[0]!.node.op
    const known = peaks.get(layer)
    peaks.set(layer, known ? maximum(known, peak) : peak)
  }
  return peaks
}

/**
 * Processors multiply unsigned by signed bytes, and ONNX Runtime's kernels on x86 know only that order: codes of
 * activations are shifted by 128.
 */
const ZERO = 128

/** Keeps a row of zeros from a division by 0. */
const SMALLEST = 1e-30

/**
 * Whether sums of integer products come out right on this machine. Without instructions made for them (VNNI, AMX, those
 * of ARM), ONNX Runtime's kernels on x86 add pairs of products in 16 bits, which the largest codes exceed: their sums
 * stop at 32,767. The same kernels take about as long as float32.
 */
export async function integerProductsAreExact(runtime: Runtime): Promise<boolean> {
  if (runtime.device !== 'cpu') return false
  const graph = new Graph()
  // Rows and columns enough for every kernel that a product of a tower may be given to.
  const [n, k, m] = [9, 64, 33]
  const sums = graph.apply({
    op: 'MatMulInteger',
    inputs: [graph.input('a', [n, k], 'uint8'), graph.input('b', [k, m], 'int8')],
    shape: [n, m],
    dtype: 'int32',
  })
  const program = await runtime.compile(graph, { sums: cast(sums, 'float32') })
  try {
    const found = await program.run({
      a: new runtime.Tensor('uint8', new Uint8Array(n * k).fill(255), [n, k]),
      b: new runtime.Tensor('int8', new Int8Array(k * m).fill(LARGEST), [k, m]),
    })
    return (found.sums!.data as Float32Array).every((sum) => sum === k * 255 * LARGEST)
  } finally {
    await program.release()
  }
}
