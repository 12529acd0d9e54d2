import { type Shape, type Value, dim } from '../graph.js'
import { broadcastTo, mul, square, step, sub } from './elementwise.js'
import { reshape } from './shape.js'

export interface ReduceOptions {
  /** Keep reduced axes with length 1. Default false. */
  keepDims?: boolean
}

/** Sum over `axes` (all when left out). */
export function reduceSum(x: Value, axes?: readonly number[], options: ReduceOptions = {}): Value {
  return reduce('ReduceSum', x, axes, options, (g) => g)
}

/** Mean over `axes` (all when left out). */
export function reduceMean(x: Value, axes?: readonly number[], options: ReduceOptions = {}): Value {
  const all = normalise('ReduceMean', x.shape, axes)
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

function reduce(op: string, x: Value, axes: readonly number[] | undefined, { keepDims = false }: ReduceOptions, local: (g: Value, y: Value) => Value): Value {
  const all = normalise(op, x.shape, axes)
  const kept = x.shape.map((n, i) => (all.includes(i) ? 1 : n))
  const shape = keepDims ? kept : x.shape.filter((_, i) => !all.includes(i))
  return x.graph.apply({
    op, inputs: [x, x.graph.constant(all, [all.length], 'int64')], shape, attributes: { keepdims: keepDims ? 1 : 0 },
    gradient: (g, y) => [() => broadcastTo(local(reshape(g, kept), reshape(y, kept)), x.shape), null],
  })
}

function normalise(op: string, shape: Shape, axes: readonly number[] | undefined): number[] {
  if (!axes) return shape.map((_, i) => i)
  return axes.map((axis) => (dim(op, shape, axis), axis < 0 ? axis + shape.length : axis)).sort((a, b) => a - b)
}
