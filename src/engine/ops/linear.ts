import { Text2LiveError } from '../../errors.js'
import { type Value, show } from '../graph.js'
import { sumTo } from './broadcasting.js'
import { transpose } from './shape.js'

/** Matrix product over the last two axes, leading axes broadcast: [..., m, k] x [..., k, n] -> [..., m, n]. */
export function matmul(a: Value, b: Value): Value {
  const ra = a.shape.length
  const rb = b.shape.length
  const [m, k] = a.shape.slice(-2)
  const [kb, n] = b.shape.slice(-2)
  if (ra < 2 || rb < 2 || m === undefined || n === undefined || k !== kb) {
    throw new Text2LiveError('SHAPE_MISMATCH', `MatMul: ${show(a.shape)} and ${show(b.shape)} do not multiply`)
  }
  const rank = Math.max(ra, rb)
  const batch = Array.from({ length: rank - 2 }, (_, i) => {
    const p = a.shape[i - rank + ra] ?? 1
    const q = b.shape[i - rank + rb] ?? 1
    if (p !== q && p !== 1 && q !== 1)
      throw new Text2LiveError('SHAPE_MISMATCH', `MatMul: ${show(a.shape)} and ${show(b.shape)} do not broadcast`)
    return p === 1 ? q : p
  })
  return a.graph.apply({
    op: 'MatMul',
    inputs: [a, b],
    shape: [...batch, m, n],
    gradient: (g) => [() => sumTo(matmul(g, swapLast(b)), a.shape), () => sumTo(matmul(swapLast(a), g), b.shape)],
  })
}

/** Which of the two matrices is transposed first. */
export interface GemmOptions {
  transA?: boolean
  transB?: boolean
}

/** `op(a) op(b) + c` for matrices; `c` broadcasts to the result and is fused into the product. */
export function gemm(
  a: Value,
  b: Value,
  c: Value | null = null,
  { transA = false, transB = false }: GemmOptions = {},
): Value {
  const [m, k] = transA ? [a.shape[1], a.shape[0]] : a.shape
  const [kb, n] = transB ? [b.shape[1], b.shape[0]] : b.shape
  if (a.shape.length !== 2 || b.shape.length !== 2 || m === undefined || n === undefined || k !== kb) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `Gemm: ${show(a.shape)}${transA ? ' transposed' : ''} and ${show(b.shape)}${transB ? ' transposed' : ''} do not multiply`,
    )
  }
  return a.graph.apply({
    op: 'Gemm',
    inputs: c ? [a, b, c] : [a, b],
    shape: [m, n],
    attributes: { transA: transA ? 1 : 0, transB: transB ? 1 : 0 },
    gradient: (g) => [
      () => (transA ? gemm(b, g, null, { transA: transB, transB: true }) : gemm(g, b, null, { transB: !transB })),
      () => (transB ? gemm(g, a, null, { transA: true, transB: transA }) : gemm(a, g, null, { transA: !transA })),
      ...(c ? [() => sumTo(g, c.shape)] : []),
    ],
  })
}

/** The last two axes exchanged. */
export function swapLast(x: Value): Value {
  const r = x.shape.length
  return transpose(x, [...Array.from({ length: r - 2 }, (_, i) => i), r - 1, r - 2])
}
