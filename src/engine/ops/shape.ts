import { Text2LiveError } from '../../errors.js'
import { type Shape, type Value, dim, sameShape, show, sizeOf } from '../graph.js'
import { expand, reshape } from './broadcasting.js'
import { add } from './elementwise.js'

/** Axes in the order `perm`. */
export function transpose(x: Value, perm: readonly number[]): Value {
  if (perm.length !== x.shape.length || new Set(perm).size !== perm.length) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `Transpose: permutation ${show(perm)} does not fit shape ${show(x.shape)}`,
    )
  }
  if (perm.every((axis, i) => axis === i)) return x
  // Back to where it came from, as the gradient of a product with a transposed factor asks.
  const {
    op,
    attributes,
    inputs: [source],
  } = x.node
  if (op === 'Transpose' && source && (attributes['perm'] as readonly number[]).every((axis, i) => perm[axis] === i))
    return source
  const inverse = perm.map((_, i) => perm.indexOf(i))
  return x.graph.apply({
    op: 'Transpose',
    inputs: [x],
    shape: perm.map((axis) => dim('Transpose', x.shape, axis)),
    dtype: x.dtype,
    attributes: { perm },
    gradient: (g) => [() => transpose(g, inverse)],
  })
}

/** Which part of each named axis is taken. */
export interface SliceOptions {
  axes: readonly number[]
  starts: readonly number[]
  /** Exclusive. `-Infinity` with a negative step reaches through index 0. */
  ends: readonly number[]
  /** Default 1 on every axis; negative steps reverse. */
  steps?: readonly number[]
}

/** A strided window: along `axes[i]` the indices `starts[i]`, `starts[i] + steps[i]`, ... before `ends[i]`. */
export function slice(x: Value, options: SliceOptions): Value {
  const { axes, starts, ends } = options
  const steps = options.steps ?? axes.map(() => 1)
  const shape = [...x.shape]
  const ranges = axes.map((axis, i) => {
    const n = dim('Slice', x.shape, axis)
    const range = resolveRange(n, starts[i]!, ends[i]!, steps[i]!)
    if (range.count <= 0) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `Slice: [${starts[i]}, ${ends[i]}) with step ${steps[i]} is empty on axis ${axis} of ${show(x.shape)}`,
      )
    }
    shape[axis < 0 ? axis + x.shape.length : axis] = range.count
    return range
  })
  if (sameShape(shape, x.shape) && ranges.every((r) => r.step === 1)) return x
  if (ranges.some((r) => r.step < -1)) return slicedBackwards(x, axes, ranges)
  const list = (values: readonly number[]) => x.graph.constant(values, [values.length], 'int64')
  const positive = axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis))
  return x.graph.apply({
    op: 'Slice',
    shape,
    dtype: x.dtype,
    inputs: [
      x,
      list(ranges.map((r) => r.start)),
      list(ranges.map((r) => r.end)),
      list(positive),
      list(ranges.map((r) => r.step)),
    ],
    gradient: (g) => [() => unslice(g, x.shape, positive, ranges), null, null, null, null],
  })
}

/** Steps below -1, as a forward slice and a flip: ONNX Runtime's WebGPU kernel picks other elements for them. */
function slicedBackwards(x: Value, axes: readonly number[], ranges: readonly Range[]): Value {
  const forward = ranges.map(({ start, step, count }) => {
    const last = start + (count - 1) * step
    return step < 0
      ? { start: last, end: start + 1, step: -step }
      : { start, end: start + (count - 1) * step + 1, step }
  })
  const window = slice(x, {
    axes,
    starts: forward.map((r) => r.start),
    ends: forward.map((r) => r.end),
    steps: forward.map((r) => r.step),
  })
  return flip(
    window,
    axes.filter((_, i) => ranges[i]!.step < 0),
  )
}

/** `x` reversed along `axes`. */
export function flip(x: Value, axes: readonly number[]): Value {
  return slice(x, {
    axes,
    starts: axes.map((axis) => dim('Slice', x.shape, axis) - 1),
    ends: axes.map(() => -Infinity),
    steps: axes.map(() => -1),
  })
}

/**
 * Joins tensors along `axis`. Many pieces are joined in rounds of eight: WebGPU binds few buffers to a shader.
 * @param options `inOrder`: see `Application`
 */
export function concat(xs: readonly Value[], axis: number, options: { readonly inOrder?: boolean } = {}): Value {
  const [first] = xs
  if (!first) throw new Text2LiveError('SHAPE_MISMATCH', 'Concat: expected at least one tensor')
  if (xs.length === 1) return first
  if (xs.length > CONCAT_ARITY) {
    const groups: Value[] = []
    const size = Math.max(CONCAT_ARITY, Math.ceil(xs.length / CONCAT_ARITY))
    for (let i = 0; i < xs.length; i += size) groups.push(concat(xs.slice(i, i + size), axis, options))
    return concat(groups, axis, options)
  }
  const at = axis < 0 ? axis + first.shape.length : axis
  for (const x of xs) {
    if (x.shape.length !== first.shape.length || x.shape.some((n, i) => i !== at && n !== first.shape[i])) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `Concat: shapes ${xs.map((v) => show(v.shape)).join(' and ')} do not join on axis ${axis}`,
      )
    }
  }
  const offsets: number[] = []
  const total = xs.reduce((sum, x) => (offsets.push(sum), sum + x.shape[at]!), 0)
  return first.graph.apply({
    op: 'Concat',
    inputs: xs,
    ...options,
    dtype: first.dtype,
    attributes: { axis: at },
    shape: first.shape.map((n, i) => (i === at ? total : n)),
    gradient: (g) =>
      xs.map((x, i) => () => slice(g, { axes: [at], starts: [offsets[i]!], ends: [offsets[i]! + x.shape[at]!] })),
  })
}

/** What stands outside a padded tensor. */
export type PadMode = 'constant' | 'reflect' | 'edge'

/**
 * Adds `pads[axis] = [before, after]` elements on every axis: zeros, the mirror image without the border, or the border
 * repeated.
 */
export function pad(x: Value, pads: readonly (readonly [number, number])[], mode: PadMode = 'constant'): Value {
  if (pads.length !== x.shape.length || pads.some(([before, after]) => before < 0 || after < 0)) {
    throw new Text2LiveError('SHAPE_MISMATCH', `Pad: ${JSON.stringify(pads)} does not fit shape ${show(x.shape)}`)
  }
  if (pads.every(([before, after]) => before === 0 && after === 0)) return x
  pads.forEach(([before, after], axis) => {
    if (mode === 'reflect' && Math.max(before, after) >= x.shape[axis]!) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `Pad: reflecting ${before} and ${after} needs more than axis ${axis} of ${show(x.shape)} has`,
      )
    }
  })
  const flat = [...pads.map(([before]) => before), ...pads.map(([, after]) => after)]
  return x.graph.apply({
    op: 'Pad',
    inputs: [x, x.graph.constant(flat, [flat.length], 'int64')],
    dtype: x.dtype,
    attributes: { mode },
    shape: x.shape.map((n, i) => n + pads[i]![0] + pads[i]![1]),
    gradient: (g) => [() => pads.reduce((part, sides, axis) => fold(part, axis, sides, mode), g), null],
  })
}

/** Rows of `x` along `axis`, picked by a constant list. */
export function take(x: Value, indices: readonly number[], axis: number): Value {
  return gather(x, x.graph.constant(indices, [indices.length], 'int64'), axis)
}

/**
 * `x` at `indices` (int64) along `axis`: shape[axis] is replaced by the shape of `indices`. Differentiable in `x` along
 * axis 0.
 */
export function gather(x: Value, indices: Value, axis: number): Value {
  dim('Gather', x.shape, axis)
  const at = axis < 0 ? axis + x.shape.length : axis
  return x.graph.apply({
    op: 'Gather',
    inputs: [x, indices],
    dtype: x.dtype,
    attributes: { axis: at },
    shape: [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)],
    gradient: (g) => [() => scatterRows(g, indices, x, at), null],
  })
}

/**
 * The gradient of Gather: adds rows of `g` into zeros. ScatterElements, as ScatterND's sum races on the CPU provider.
 */
function scatterRows(g: Value, indices: Value, x: Value, axis: number): Value {
  const count = sizeOf(indices.shape)
  const rows = reshape(g, [...x.shape.slice(0, axis), count, ...x.shape.slice(axis + 1)])
  const spread = expand(
    reshape(
      indices,
      x.shape.map((_, i) => (i === axis ? count : 1)),
    ),
    rows.shape,
  )
  return scatterAdd(x.graph.zeros(x.shape), spread, rows, axis)
}

/** `base` with `updates` added at `indices` (int32 or int64, shape of `updates`) along `axis`; no gradient rule. */
export function scatterAdd(base: Value, indices: Value, updates: Value, axis: number): Value {
  return base.graph.apply({
    op: 'ScatterElements',
    inputs: [base, indices, updates],
    shape: base.shape,
    attributes: { axis, reduction: 'add' },
  })
}

const CONCAT_ARITY = 8

interface Range {
  start: number
  end: number
  step: number
  count: number
}

function resolveRange(n: number, start: number, end: number, step: number): Range {
  const low = start < 0 ? start + n : start
  const high = end === -Infinity ? -1 : end < 0 ? end + n : Math.min(end, n)
  const count = Math.ceil((high - low) / step)
  return { start: low, end: high === -1 && step < 0 ? -n - 1 : high, step, count }
}

/** The gradient of Slice: `g` back in its window, zeros elsewhere; strides are opened by zeros, reversals reversed. */
function unslice(g: Value, shape: Shape, axes: readonly number[], ranges: readonly Range[]): Value {
  let part = g
  const pads = shape.map(() => [0, 0] as [number, number])
  axes.forEach((axis, i) => {
    const { start, step, count } = ranges[i]!
    const stride = Math.abs(step)
    if (step < 0) part = flip(part, [axis])
    if (stride > 1) part = dilate(part, axis, stride)
    const first = step < 0 ? start - (count - 1) * stride : start
    pads[axis] = [first, shape[axis]! - first - ((count - 1) * stride + 1)]
  })
  return pad(part, pads)
}

/** `stride - 1` zeros between neighbours along `axis`: n becomes (n - 1) * stride + 1. */
export function dilate(x: Value, axis: number, stride: number): Value {
  const n = x.shape[axis]!
  const before = x.shape.slice(0, axis)
  const after = x.shape.slice(axis + 1)
  const wide = pad(reshape(x, [...before, n, 1, ...after]), [
    ...before.map(() => [0, 0] as const),
    [0, 0],
    [0, stride - 1],
    ...after.map(() => [0, 0] as const),
  ])
  return slice(reshape(wide, [...before, n * stride, ...after]), {
    axes: [axis],
    starts: [0],
    ends: [(n - 1) * stride + 1],
  })
}

/** The gradient of Pad along one axis: the padded elements' cotangents return to the elements they copied. */
function fold(g: Value, axis: number, [before, after]: readonly [number, number], mode: PadMode): Value {
  if (before === 0 && after === 0) return g
  const n = g.shape[axis]! - before - after
  const part = (start: number, end: number) => slice(g, { axes: [axis], starts: [start], ends: [end] })
  if (mode === 'constant') return part(before, before + n)
  // Element i of the input receives, besides g[before + i], what was copied from it.
  const pieces: Value[] = []
  const extras = new Map<number, Value[]>()
  const give = (to: number, from: number) => extras.set(to, [...(extras.get(to) ?? []), part(from, from + 1)])
  for (let k = 1; k <= before; k++) give(mode === 'edge' ? 0 : k, before - k)
  for (let k = 1; k <= after; k++) give(mode === 'edge' ? n - 1 : n - 1 - k, before + n - 1 + k)
  let next = 0
  for (const to of [...extras.keys()].sort((a, b) => a - b)) {
    if (to > next) pieces.push(part(before + next, before + to))
    pieces.push(extras.get(to)!.reduce((sum, extra) => add(sum, extra), part(before + to, before + to + 1)))
    next = to + 1
  }
  if (next < n) pieces.push(part(before + next, before + n))
  return concat(pieces, axis)
}
