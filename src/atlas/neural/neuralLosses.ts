import type { Value } from '../../engine/graph.js'
import { abs, add, div, log, mul, neg, reduceMean, reduceSum, sqrt, square, sub } from '../../engine/ops.js'

/** The losses of layered neural atlases (Kasten et al. 2021, section 3.1), in the order of the step's report. */
export const neuralLossNames = [
  'reconstruction',
  'gradient',
  'rigidityForeground',
  'rigidityBackground',
  'globalRigidityForeground',
  'globalRigidityBackground',
  'flowForeground',
  'flowBackground',
  'flowOpacity',
  'bootstrap',
  'sparsity',
] as const
export type NeuralLossName = (typeof neuralLossNames)[number]

/** Keeps the slope of a length finite at 0, where it becomes 0 as in PyTorch. */
const TINY = 1e-24

/** Eq. 6, 7, 10: mean over points of the squared length of a difference or colour [n, 3]. */
export function meanSquaredLength(x: Value): Value {
  return reduceMean(reduceSum(square(x), [1]))
}

/**
 * Eq. 9: mean over points of |J'J| + |(J'J + 0.001 I)^-1|, Frobenius norms, where the columns of J are `alongX` and
 * `alongY` [n, 2]: how (u, v) changes over a pixel, in pixels. 2 sqrt(2) for a rotation.
 */
export function rigidityLoss(alongX: Value, alongY: Value): Value {
  const [a, b, d] = [
    reduceSum(square(alongX), [1]),
    reduceSum(mul(alongX, alongY), [1]),
    reduceSum(square(alongY), [1]),
  ]
  const [a1, d1] = [add(a, 0.001), add(d, 0.001)]
  const norm = (p: Value, q: Value) => sqrt(add(add(add(square(p), square(q)), mul(square(b), 2)), TINY))
  const determinant = sub(mul(a1, d1), square(b))
  return reduceMean(add(norm(a, d), div(norm(a1, d1), determinant)))
}

/**
 * Eq. 11: sum over points of share * weight * |uv - matched|, [n], [n], [n, 2]: half the mean over the points with
 * valid flow, by `shares`.
 */
export function flowLoss(uv: Value, matched: Value, weight: Value, shares: Value): Value {
  const distance = sqrt(add(reduceSum(square(sub(matched, uv)), [1]), TINY))
  return reduceSum(mul(mul(distance, weight), shares))
}

/** Eq. 12: the same of |opacity - matched|, [n]. */
export function flowOpacityLoss(opacity: Value, matched: Value, shares: Value): Value {
  return reduceSum(mul(abs(sub(matched, opacity)), shares))
}

/** Cross entropy of opacity and mask, [n]. */
export function bootstrapLoss(opacity: Value, mask: Value): Value {
  return neg(reduceMean(add(mul(mask, log(opacity)), mul(sub(1, mask), log(sub(1, opacity))))))
}
