import { Text2LiveError } from '../../errors.js'
import { type Shape, type Value, dim, sameShape, show, sizeOf } from '../graph.js'

/** The same elements in another shape; one length may be -1 and is inferred. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.filter((n) => n !== -1).reduce((product, n) => product * n, 1)
  const full = shape.map((n) => (n === -1 ? sizeOf(x.shape) / known : n))
  if (sizeOf(full) !== sizeOf(x.shape))
    throw new Text2LiveError('SHAPE_MISMATCH', `Reshape: ${show(x.shape)} does not fit ${show(shape)}`)
  if (sameShape(full, x.shape)) return x
  return x.graph.apply({
    op: 'Reshape',
    inputs: [x, x.graph.constant(full, [full.length], 'int64')],
    shape: full,
    dtype: x.dtype,
    gradient: (g) => [() => reshape(g, x.shape), null],
  })
}

/** Repeats axes of length 1 up to `shape`. */
export function expand(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x
  const offset = shape.length - x.shape.length
  if (offset < 0 || x.shape.some((n, i) => n !== 1 && n !== shape[i + offset])) {
    throw new Text2LiveError('SHAPE_MISMATCH', `Expand: ${show(x.shape)} does not broadcast to ${show(shape)}`)
  }
  return x.graph.apply({
    op: 'Expand',
    inputs: [x, x.graph.constant(shape, [shape.length], 'int64')],
    shape,
    dtype: x.dtype,
    gradient: (g) => [() => sumTo(g, x.shape), null],
  })
}

/** The gradient of broadcasting: sums `g` over the axes along which `shape` was repeated. */
export function sumTo(g: Value, shape: Shape): Value {
  if (sameShape(g.shape, shape)) return g
  const padded = [...new Array<number>(g.shape.length - shape.length).fill(1), ...shape]
  const axes = padded.flatMap((n, i) => (n === 1 && g.shape[i] !== 1 ? [i] : []))
  return reshape(axes.length > 0 ? reduceSum(g, axes, { keepDims: true }) : g, shape)
}

/** How axes are reduced. */
export interface ReduceOptions {
  /** Keep reduced axes with length 1. Default false. */
  keepDims?: boolean
}

/** Sum over `axes` (all when left out). */
export function reduceSum(x: Value, axes?: readonly number[], options: ReduceOptions = {}): Value {
  return reduce('ReduceSum', x, axes, options, (g) => g)
}

/**
 * A reduction whose gradient is `local` (of the cotangent and the output, both with reduced axes kept), repeated along
 * the reduced axes.
 */
export function reduce(
  op: string,
  x: Value,
  axes: readonly number[] | undefined,
  { keepDims = false }: ReduceOptions,
  local: (g: Value, y: Value) => Value,
): Value {
  const all = positiveAxes(op, x.shape, axes)
  const kept = x.shape.map((n, i) => (all.includes(i) ? 1 : n))
  const shape = keepDims ? kept : x.shape.filter((_, i) => !all.includes(i))
  return x.graph.apply({
    op,
    inputs: [x, x.graph.constant(all, [all.length], 'int64')],
    shape,
    attributes: { keepdims: keepDims ? 1 : 0 },
    gradient: (g, y) => [() => expand(local(reshape(g, kept), reshape(y, kept)), x.shape), null],
  })
}

/** `axes` counted from the front and sorted; all axes when left out. */
export function positiveAxes(op: string, shape: Shape, axes: readonly number[] | undefined): number[] {
  if (!axes) return shape.map((_, i) => i)
  return axes.map((axis) => (dim(op, shape, axis), axis < 0 ? axis + shape.length : axis)).sort((a, b) => a - b)
}
