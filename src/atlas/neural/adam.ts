import type { Value } from '../../engine/graph.js'
import { add, div, mul, sqrt, square, sub } from '../../engine/ops.js'

/** Adam (Kingma and Ba 2015) on flat vectors [P]: running means of the gradient and of its square. */
export interface AdamState<T> {
  readonly mean: T
  readonly square: T
}

/** Scalars of one update. */
export interface AdamRates<T> {
  /** lr / (1 - beta1^t). */
  readonly stepSize: T
  /** sqrt(1 - beta2^t). */
  readonly correction: T
}

/** PyTorch's defaults. */
const [BETA1, BETA2, EPS] = [0.9, 0.999, 1e-8]

export function adamInit(count: number): AdamState<Float32Array> {
  return { mean: new Float32Array(count), square: new Float32Array(count) }
}

/** Rates of update number t, counted from 1. */
export function adamRates(learningRate: number, t: number): AdamRates<number> {
  return { stepSize: learningRate / (1 - BETA1 ** t), correction: Math.sqrt(1 - BETA2 ** t) }
}

/** p <- p - stepSize m / (sqrt(v) / correction + eps), in the order of PyTorch's operations. */
export function adamUpdate(parameters: Value, gradient: Value, state: AdamState<Value>, rates: AdamRates<Value>): { readonly parameters: Value } & AdamState<Value> {
  const mean = add(mul(state.mean, BETA1), mul(gradient, 1 - BETA1))
  const squares = add(mul(state.square, BETA2), mul(square(gradient), 1 - BETA2))
  const direction = div(mean, add(div(sqrt(squares), rates.correction), EPS))
  return { parameters: sub(parameters, mul(direction, rates.stepSize)), mean, square: squares }
}
