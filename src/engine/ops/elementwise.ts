import { Text2LiveError } from '../../errors.js'
import { type DType, type Shape, type Value, show } from '../graph.js'
import { sumTo } from './broadcasting.js'

/** A tensor or a JavaScript number, which becomes a scalar constant. */
export type Operand = Value | number

/** `a + b` with NumPy broadcasting. */
export function add(a: Operand, b: Operand): Value {
  const [x, y] = pair(a, b)
  return binary('Add', x, y, (g) => [() => sumTo(g, x.shape), () => sumTo(g, y.shape)])
}

/** `a - b` with NumPy broadcasting. */
export function sub(a: Operand, b: Operand): Value {
  const [x, y] = pair(a, b)
  return binary('Sub', x, y, (g) => [() => sumTo(g, x.shape), () => neg(sumTo(g, y.shape))])
}

/** `a * b` with NumPy broadcasting. */
export function mul(a: Operand, b: Operand): Value {
  const [x, y] = pair(a, b)
  return binary('Mul', x, y, (g) => [() => sumTo(mul(g, y), x.shape), () => sumTo(mul(g, x), y.shape)])
}

/** `a / b` with NumPy broadcasting. */
export function div(a: Operand, b: Operand): Value {
  const [x, y] = pair(a, b)
  return binary('Div', x, y, (g, z) => [() => sumTo(div(g, y), x.shape), () => neg(sumTo(div(mul(g, z), y), y.shape))])
}

/** Element-wise minimum; where both are equal the first takes the gradient. */
export function minimum(a: Operand, b: Operand): Value {
  const [x, y] = pair(a, b)
  return binary('Min', x, y, (g) => choose(g, step(sub(x, y)), y, x))
}

/** Element-wise maximum; where both are equal the first takes the gradient. */
export function maximum(a: Operand, b: Operand): Value {
  const [x, y] = pair(a, b)
  return binary('Max', x, y, (g) => choose(g, step(sub(y, x)), y, x))
}

function choose(g: Value, second: Value, y: Value, x: Value) {
  return [() => sumTo(mul(g, sub(1, second)), x.shape), () => sumTo(mul(g, second), y.shape)]
}

/** `-x`. */
export function neg(x: Value): Value {
  return unary('Neg', x, (g) => neg(g))
}

/** `e ** x`. */
export function exp(x: Value): Value {
  return unary('Exp', x, (g, y) => mul(g, y))
}

/** The natural logarithm; NaN below 0. */
export function log(x: Value): Value {
  return unary('Log', x, (g) => div(g, x))
}

/** The square root; its slope at 0 is infinite. */
export function sqrt(x: Value): Value {
  return unary('Sqrt', x, (g, y) => div(mul(g, 0.5), y))
}

/** `1 / x`. */
export function reciprocal(x: Value): Value {
  return unary('Reciprocal', x, (g, y) => neg(mul(g, mul(y, y))))
}

/** `x * x`. */
export function square(x: Value): Value {
  return mul(x, x)
}

/** `1 / (1 + exp(-x))`. */
export function sigmoid(x: Value): Value {
  return unary('Sigmoid', x, (g, y) => mul(g, mul(y, sub(1, y))))
}

/** The hyperbolic tangent. */
export function tanh(x: Value): Value {
  return unary('Tanh', x, (g, y) => mul(g, sub(1, mul(y, y))))
}

/** The sine of radians. */
export function sin(x: Value): Value {
  return unary('Sin', x, (g) => mul(g, cos(x)))
}

/** The cosine of radians. */
export function cos(x: Value): Value {
  return unary('Cos', x, (g) => neg(mul(g, sin(x))))
}

/** Inverse sine; its slope is unbounded at -1 and 1. */
export function asin(x: Value): Value {
  return unary('Asin', x, (g) => div(g, sqrt(sub(1, mul(x, x)))))
}

/** Gauss error function. */
export function erf(x: Value): Value {
  return unary('Erf', x, (g) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))))
}

/** Absolute value; gradient 0 at 0. */
export function abs(x: Value): Value {
  return unary('Abs', x, (g) => mul(g, clip(mul(x, STEEP), -1, 1)))
}

/** Largest integer not above x; no gradient. */
export function floor(x: Value): Value {
  return x.graph.apply({ op: 'Floor', inputs: [x], shape: x.shape, gradient: () => [null] })
}

/** Clamps to [low, high]; as in PyTorch the gradient passes where low <= x <= high. */
export function clip(x: Value, low: number, high: number): Value {
  const graph = x.graph
  return graph.apply({
    op: 'Clip',
    inputs: [x, graph.scalar(low), graph.scalar(high)],
    shape: x.shape,
    gradient: (g, y) => [() => mul(g, isZero(sub(x, y))), null, null],
  })
}

/** Conversion between types; no gradient. */
export function cast(x: Value, dtype: DType): Value {
  if (x.dtype === dtype) return x
  return x.graph.apply({
    op: 'Cast',
    inputs: [x],
    shape: x.shape,
    dtype,
    attributes: { to: ONNX_TYPES[dtype] },
    gradient: () => [null],
  })
}

/** The value as it is, as a constant to differentiation. */
export function stopGradient(x: Value): Value {
  return x.graph.apply({ op: 'Identity', inputs: [x], shape: x.shape, dtype: x.dtype })
}

/**
 * 1 where x > 0, else 0. Clip is several times faster than Where and Sign on the CPU provider, and the step is exact
 * above 1e-30.
 */
export function step(x: Value): Value {
  return clip(mul(x, STEEP), 0, 1)
}

/** 1 where x is 0, else 0 (exact for |x| > 1e-30). */
function isZero(x: Value): Value {
  return sub(1, clip(mul(abs(x), STEEP), 0, 1))
}

/** Numbers that ONNX files have for types of elements. */
export const ONNX_TYPES: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
}

const STEEP = 1e30

function pair(a: Operand, b: Operand): [Value, Value] {
  const graph = typeof a === 'number' ? (typeof b === 'number' ? null : b.graph) : a.graph
  if (!graph) throw new Text2LiveError('GRAPH_INVALID', 'an element-wise operator needs at least one tensor')
  return [typeof a === 'number' ? graph.scalar(a) : a, typeof b === 'number' ? graph.scalar(b) : b]
}

function binary(op: string, a: Value, b: Value, gradient: (g: Value, y: Value) => readonly (() => Value)[]): Value {
  if (a.dtype !== b.dtype) throw new Text2LiveError('SHAPE_MISMATCH', `${op}: types ${a.dtype} and ${b.dtype} differ`)
  return a.graph.apply({ op, inputs: [a, b], shape: broadcastShapes(op, a.shape, b.shape), dtype: a.dtype, gradient })
}

function unary(op: string, x: Value, gradient: (g: Value, y: Value) => Value): Value {
  return x.graph.apply({ op, inputs: [x], shape: x.shape, dtype: x.dtype, gradient: (g, y) => [() => gradient(g, y)] })
}

function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - rank + a.length] ?? 1
    const n = b[i - rank + b.length] ?? 1
    if (m !== n && m !== 1 && n !== 1)
      throw new Text2LiveError('SHAPE_MISMATCH', `${op}: shapes ${show(a)} and ${show(b)} do not broadcast`)
    return m === 1 ? n : m
  })
}
