import type { Value } from '../engine/graph.js'
import { add, div, exp, log, maximum, mul, sqrt, square, sub } from '../engine/ops.js'

/** MADGRAD (Defazio and Jelassi 2021), as flat vectors [P] of the step graph. */
export interface MadgradState {
  /** x0: the parameters before the first step. */
  readonly initial: Value
  /** s: weighted sum of gradients. */
  readonly gradientSum: Value
  /** nu: weighted sum of squared gradients. */
  readonly squareSum: Value
}

export interface MadgradOptions {
  readonly weightDecay: number
  readonly momentum: number
}

export interface MadgradUpdate {
  readonly parameters: Value
  readonly gradientSum: Value
  readonly squareSum: Value
}

const EPS = 1e-6
/** The smallest normal float32. */
const LEAST = 2 ** -126

/**
 * One update. With lambda = (lr + eps) sqrt(k + 1) for step k and g the gradient plus weight decay: s += lambda g; nu
 * += lambda g^2; z = x0 - s / (nu^(1/3) + eps); p <- momentum p + (1 - momentum) z. The cube root is exp(log(nu) / 3),
 * several times faster than Pow, of nu or the least float32 above 0 that every device keeps: what log makes of 0 is
 * open on WebGPU, and its cube root, 2e-13, is nothing beside eps.
 */
export function madgrad(
  parameters: Value,
  gradient: Value,
  state: MadgradState,
  lambda: Value,
  options: MadgradOptions,
): MadgradUpdate {
  const g = add(gradient, mul(parameters, options.weightDecay))
  const gradientSum = add(state.gradientSum, mul(g, lambda))
  const squareSum = add(state.squareSum, mul(square(g), lambda))
  const cubeRoot = exp(mul(log(maximum(squareSum, LEAST)), 1 / 3))
  const z = sub(state.initial, div(gradientSum, add(cubeRoot, EPS)))
  return { parameters: add(mul(parameters, options.momentum), mul(z, 1 - options.momentum)), gradientSum, squareSum }
}

/** lambda of step k (from 0) at learning rate `learningRate`. */
export function madgradLambda(learningRate: number, k: number): number {
  return (learningRate + EPS) * Math.sqrt(k + 1)
}

/** Root of the summed squares of a vector: what a NaN or an overflow in any parameter shows up in. */
export function vectorNorm(x: Value): Value {
  return sqrt(
    x.graph.apply({
      op: 'ReduceSumSquare',
      inputs: [x, x.graph.constant([0], [1], 'int64')],
      shape: [],
      attributes: { keepdims: 0 },
    }),
  )
}
