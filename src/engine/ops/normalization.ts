import { Text2LiveError } from '../../errors.js'
import { type Value, show, withGradient } from '../graph.js'
import { reduceSum, reshape } from './broadcasting.js'
import { add, div, exp, log, mul, neg, reciprocal, sqrt, square, sub } from './elementwise.js'
import { reduceMax, reduceMean } from './reduce.js'

/** exp(x) / sum exp over the last axis. */
export function softmax(x: Value): Value {
  return x.graph.apply({
    op: 'Softmax',
    inputs: [x],
    shape: x.shape,
    attributes: { axis: x.shape.length - 1 },
    gradient: (g, y) => [() => mul(y, sub(g, reduceSum(mul(g, y), [-1], { keepDims: true })))],
  })
}

/** Layer norm over the last axis with an affine map: scale, bias [d]. */
export function layerNorm(x: Value, scale: Value, bias: Value, eps: number): Value {
  return add(mul(normalizeRows(x, eps), scale), bias)
}

/** What is known of the gradient that comes back. */
export interface NormalizeOptions {
  /**
   * The cotangent is known to have zero mean over the last axis, as it has when every weight that reads the result was
   * centred over that axis (which changes no product, since the rows have zero mean themselves). Saves two passes.
   */
  centredCotangent?: boolean
}

/** (x - mean) / sqrt(var + eps) over the last axis: a layer norm whose affine map was folded into the next layer. */
export function normalizeRows(x: Value, eps: number, { centredCotangent = false }: NormalizeOptions = {}): Value {
  const d = x.shape.at(-1)!
  const row = [...x.shape.slice(0, -1), 1]
  const ones = x.graph.constant(new Float32Array(d).fill(1), [d])
  const zeros = x.graph.constant(new Float32Array(d), [d])
  return x.graph.apply({
    op: 'LayerNormalization',
    inputs: [x, ones, zeros],
    shape: x.shape,
    extra: [row, row],
    attributes: { axis: x.shape.length - 1, epsilon: { float: eps } },
    variant: centredCotangent ? 'centred cotangent' : 'any cotangent',
    gradient: (g, y) => [
      () => {
        const inverse = y.node.outputs[2]!
        const centred = centredCotangent ? g : sub(g, reduceMean(g, [-1], { keepDims: true }))
        return mul(sub(centred, mul(y, reduceMean(mul(g, y), [-1], { keepDims: true }))), inverse)
      },
      null,
      null,
    ],
  })
}

/**
 * Per-channel biased variance of an image: [N, C, H, W] -> [N, C, 1, 1]. In two passes, as the mean square less the
 * squared mean loses all digits where a channel is nearly constant.
 */
export function channelVariance(x: Value): Value {
  if (x.shape.length !== 4)
    throw new Text2LiveError('SHAPE_MISMATCH', `channelVariance: expected [N, C, H, W], came ${show(x.shape)}`)
  const { mean, variance } = channelMoments(x)
  // Centred anew, so that the forward pass does not have to keep its centred copy until here.
  return withGradient(variance, [x], (g) => [() => mul(add(x, neg(mean)), mul(g, 2 / (x.shape[2]! * x.shape[3]!)))])
}

function channelMoments(x: Value): { readonly mean: Value; readonly centred: Value; readonly variance: Value } {
  const mean = reduceMean(x, [2, 3], { keepDims: true })
  const centred = sub(x, mean)
  return { mean, centred, variance: reduceMean(square(centred), [2, 3], { keepDims: true }) }
}

/**
 * Instance norm of [N, C, H, W] with scale, bias [C]; at N = 1 it is batch norm in training mode. The backward pass is
 * dx = a g + b (x - mean) + d with per-channel a, b, d from two sums.
 */
export function instanceNorm(x: Value, scale: Value, bias: Value, eps: number): Value {
  const [n, c, height, width] = x.shape
  if (
    n === undefined ||
    c === undefined ||
    height === undefined ||
    width === undefined ||
    scale.shape[0] !== c ||
    bias.shape[0] !== c
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `instanceNorm: input ${show(x.shape)}, scale ${show(scale.shape)} and bias ${show(bias.shape)} do not fit`,
    )
  }
  const pixels = height * width
  return x.graph.apply({
    op: 'InstanceNormalization',
    inputs: [x, scale, bias],
    shape: x.shape,
    attributes: { epsilon: { float: eps } },
    gradient: (g) => {
      const { centred, variance } = channelMoments(x)
      const inverseDeviation = reciprocal(sqrt(add(variance, eps)))
      const sum = () => reduceSum(g, [2, 3], { keepDims: true })
      // Sum of g times the normalised x.
      const projection = () => mul(reduceSum(mul(g, centred), [2, 3], { keepDims: true }), inverseDeviation)
      return [
        () => {
          const a = mul(reshape(scale, [1, c, 1, 1]), inverseDeviation)
          const b = mul(mul(mul(a, inverseDeviation), projection()), -1 / pixels)
          const d = mul(mul(a, sum()), -1 / pixels)
          return add(add(mul(g, a), mul(centred, b)), d)
        },
        () => reduceSum(reshape(projection(), [n, c]), [0]),
        () => reduceSum(reshape(sum(), [n, c]), [0]),
      ]
    },
  })
}

/** x / |x| over the last axis, |x| floored at eps as torch.nn.functional.normalize does. */
export function normalizeLength(x: Value, eps = 1e-12): Value {
  const length = sqrt(add(reduceSum(mul(x, x), [-1], { keepDims: true }), eps * eps))
  return div(x, length)
}

/** log(sum exp) over the last axis. The maximum is taken out here: ReduceLogSumExp overflows on WebGPU. */
export function logSumExp(x: Value): Value {
  const top = reduceMax(x, [-1], { keepDims: true })
  const sum = reduceSum(exp(sub(x, top)), [-1], { keepDims: true })
  const value = reshape(add(log(sum), top), x.shape.slice(0, -1))
  const row = (v: Value) => reshape(v, [...v.shape, 1])
  return withGradient(value, [x], (g, y) => [() => mul(exp(sub(x, row(y))), row(g))])
}
