import { type Value } from '../graph.js'
import { type ReduceOptions, positiveAxes, reduce } from './broadcasting.js'
import { mul, square, step, sub } from './elementwise.js'

/** Mean over `axes` (all when left out). */
export function reduceMean(x: Value, axes?: readonly number[], options: ReduceOptions = {}): Value {
  const all = positiveAxes('ReduceMean', x.shape, axes)
  const count = all.reduce((n, axis) => n * x.shape[axis]!, 1)
  return reduce('ReduceMean', x, axes, options, (g) => mul(g, 1 / count))
}

/** Maximum over `axes`; equal maxima all receive the gradient. */
export function reduceMax(x: Value, axes?: readonly number[], options: ReduceOptions = {}): Value {
  return reduce('ReduceMax', x, axes, options, (g, y) => mul(g, sub(1, step(sub(y, x)))))
}

/** Minimum over `axes`; equal minima all receive the gradient. */
export function reduceMin(x: Value, axes?: readonly number[], options: ReduceOptions = {}): Value {
  return reduce('ReduceMin', x, axes, options, (g, y) => mul(g, sub(1, step(sub(x, y)))))
}

/** Mean of squared differences, a scalar. */
export function meanSquaredError(a: Value, b: Value): Value {
  return reduceMean(square(sub(a, b)))
}
