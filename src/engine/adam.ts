import type { Value } from './graph.js'
import { add, div, mul, sqrt, square, sub } from './ops.js'

/** Adam (Kingma and Ba 2015): running means of the gradient and of its square, of the parameters' shape. */
export interface AdamState<T> {
  readonly mean: T
  readonly square: T
}

/** Decay of the mean and of the mean of squares. */
export type AdamBetas = readonly [number, number]

/** Scalars of one update. */
export interface AdamRates<T> {
  /** lr / (1 - beta1^t). */
  readonly stepSize: T
  /** sqrt(1 - beta2^t). */
  readonly correction: T
}

/** PyTorch's defaults. */
const BETAS: AdamBetas = [0.9, 0.999]
const EPS = 1e-8

export function adamInit(count: number): AdamState<Float32Array> {
  return { mean: new Float32Array(count), square: new Float32Array(count) }
}

/** The running means once they know `gradient`. */
export function adamMoments(gradient: Value, state: AdamState<Value>, [beta1, beta2]: AdamBetas): AdamState<Value> {
  return {
    mean: add(mul(state.mean, beta1), mul(gradient, 1 - beta1)),
    square: add(mul(state.square, beta2), mul(square(gradient), 1 - beta2)),
  }
}

/** What the running means sum up to in update number t, counted from 1, as they start at zero: 1 - beta^t. */
export function adamCorrections([beta1, beta2]: AdamBetas, t: number): AdamState<number> {
  return { mean: 1 - beta1 ** t, square: 1 - beta2 ** t }
}

/** Rates of update number t, counted from 1. */
export function adamRates(learningRate: number, t: number): AdamRates<number> {
  const correction = adamCorrections(BETAS, t)
  return { stepSize: learningRate / correction.mean, correction: Math.sqrt(correction.square) }
}

/** p <- p - stepSize m / (sqrt(v) / correction + eps), in the order of PyTorch's operations. */
export function adamUpdate(
  parameters: Value,
  gradient: Value,
  state: AdamState<Value>,
  rates: AdamRates<Value>,
): { readonly parameters: Value } & AdamState<Value> {
  const next = adamMoments(gradient, state, BETAS)
  const direction = div(next.mean, add(div(sqrt(next.square), rates.correction), EPS))
  return { parameters: sub(parameters, mul(direction, rates.stepSize)), ...next }
}
