import type { Value } from '../../src/engine/graph.js'
import { add, div, mul, sqrt, square, sub } from '../../src/engine/ops.js'

/** Running means of the gradient and of its square. */
export interface AdamwState { readonly mean: Value; readonly square: Value }

/** Scalars of one update, t counting from 1: the learning rate, 1 - beta1^t and 1 - beta2^t. */
export interface AdamwRates { readonly learningRate: Value; readonly meanCorrection: Value; readonly squareCorrection: Value }

export interface AdamwOptions { readonly betas: readonly [number, number]; readonly eps: number; readonly decay: number }

/**
 * AdamW (Loshchilov and Hutter 2019): p <- p (1 - lr decay) - lr m^ / (sqrt(v^) + eps), where m^ and v^ are the running means freed of their start at zero.
 * The decay is not part of the gradient.
 */
export function adamw(parameter: Value, gradient: Value, state: AdamwState, rates: AdamwRates, { betas: [b1, b2], eps, decay }: AdamwOptions): { parameter: Value } & AdamwState {
  const mean = add(mul(state.mean, b1), mul(gradient, 1 - b1))
  const squared = add(mul(state.square, b2), mul(square(gradient), 1 - b2))
  const direction = div(div(mean, rates.meanCorrection), add(sqrt(div(squared, rates.squareCorrection)), eps))
  const kept = decay === 0 ? parameter : sub(parameter, mul(parameter, mul(rates.learningRate, decay)))
  return { parameter: sub(kept, mul(direction, rates.learningRate)), mean, square: squared }
}
