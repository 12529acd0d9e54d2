import { type AdamBetas, type AdamState, adamMoments } from '../../src/engine/adam.js'
import type { Value } from '../../src/engine/graph.js'
import { add, div, mul, sqrt, sub } from '../../src/engine/ops.js'

/** Scalars of one update, t counting from 1: the learning rate, 1 - beta1^t and 1 - beta2^t. */
export interface AdamwRates {
  readonly learningRate: Value
  readonly meanCorrection: Value
  readonly squareCorrection: Value
}

export interface AdamwOptions {
  readonly betas: AdamBetas
  readonly eps: number
  readonly decay: number
}

/**
 * AdamW (Loshchilov and Hutter 2019): p <- p (1 - lr decay) - lr m^ / (sqrt(v^) + eps), where m^ and v^ are the running
 * means freed of their start at zero. The decay is not part of the gradient.
 */
export function adamw(
  parameter: Value,
  gradient: Value,
  state: AdamState<Value>,
  rates: AdamwRates,
  { betas, eps, decay }: AdamwOptions,
): { parameter: Value } & AdamState<Value> {
  const { mean, square } = adamMoments(gradient, state, betas)
  const direction = div(div(mean, rates.meanCorrection), add(sqrt(div(square, rates.squareCorrection)), eps))
  const kept = decay === 0 ? parameter : sub(parameter, mul(parameter, mul(rates.learningRate, decay)))
  return { parameter: sub(kept, mul(direction, rates.learningRate)), mean, square }
}
