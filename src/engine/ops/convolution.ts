import { Text2LiveError } from '../../errors.js'
import { type Value, show } from '../graph.js'
import { reduceSum, reshape } from './broadcasting.js'
import { add, mul } from './elementwise.js'
import { gemm, matmul, swapLast } from './linear.js'
import { repeatPixels } from './pooling.js'
import { concat, dilate, flip, pad, slice, transpose } from './shape.js'

/** How a convolution moves over its input. */
export interface ConvOptions {
  /** [O], added to every pixel of output channel o. */
  bias?: Value | null
  /** Both directions. Default 1. */
  stride?: number
  /** Zeros around the input: [top, left, bottom, right]. Default none. */
  pads?: readonly [number, number, number, number]
  /** Input and output channels are split into this many groups. Default 1. */
  groups?: number
  /** Pixels between two taps of the kernel, both directions; more than 1 with stride 1 only. Default 1. */
  dilation?: number
}

/** 2-D cross-correlation, NCHW: x [N, C, H, W], w [O, C / groups, kH, kW] -> [N, O, H', W']. */
export function conv2d(
  x: Value,
  w: Value,
  { bias = null, stride = 1, pads = [0, 0, 0, 0], groups = 1, dilation = 1 }: ConvOptions = {},
): Value {
  const [n, c, height, width] = x.shape
  const [o, perGroup, kh, kw] = w.shape
  if (
    n === undefined ||
    c === undefined ||
    height === undefined ||
    width === undefined ||
    o === undefined ||
    kh === undefined ||
    kw === undefined ||
    perGroup !== c / groups ||
    o % groups !== 0 ||
    (bias && (bias.shape.length !== 1 || bias.shape[0] !== o))
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `Conv: input ${show(x.shape)}, weight ${show(w.shape)}, bias ${bias ? show(bias.shape) : 'none'} and ${groups} groups do not fit`,
    )
  }
  if (dilation > 1 && stride > 1)
    throw new Text2LiveError('SHAPE_MISMATCH', `Conv: dilation ${dilation} goes with stride 1, came stride ${stride}`)
  const [top, left, bottom, right] = pads
  const outHeight = Math.floor((height + top + bottom - dilation * (kh - 1) - 1) / stride) + 1
  const outWidth = Math.floor((width + left + right - dilation * (kw - 1) - 1) / stride) + 1
  // For the gradients the kernel is written out with the zeros between its taps.
  const spread = (): Value => (dilation === 1 ? w : dilate(dilate(w, 2, dilation), 3, dilation))
  const taps = (dw: Value): Value =>
    dilation === 1
      ? dw
      : slice(dw, { axes: [2, 3], starts: [0, 0], ends: [dw.shape[2]!, dw.shape[3]!], steps: [dilation, dilation] })
  return x.graph.apply({
    op: 'Conv',
    inputs: bias ? [x, w, bias] : [x, w],
    shape: [n, o, outHeight, outWidth],
    attributes: {
      kernel_shape: [kh, kw],
      strides: [stride, stride],
      pads,
      group: groups,
      ...(dilation > 1 ? { dilations: [dilation, dilation] } : {}),
    },
    gradient: (g) => [
      () => inputGradient(g, x, spread(), stride, pads, groups),
      () => taps(weightGradient(g, x, spread(), stride, pads, groups)),
      ...(bias ? [() => reduceSum(g, [0, 2, 3])] : []),
    ],
  })
}

/**
 * With stride 1 a convolution of the cotangent with the flipped kernels, which runs twice as fast as ConvTranspose;
 * with a longer stride ConvTranspose, which skips the zeros between samples; but its depthwise form is slow, and there
 * the zeros are written out.
 */
function inputGradient(
  g: Value,
  x: Value,
  w: Value,
  stride: number,
  pads: readonly [number, number, number, number],
  groups: number,
): Value {
  const [, c, height, width] = x.shape as [number, number, number, number]
  const [o, perGroup, kh, kw] = w.shape as [number, number, number, number]
  const [top, left] = pads
  const depthwise = groups === c && groups === o
  if (stride > 1 && !depthwise) return transposedConvolution(g, x, w, stride, pads, groups)
  const spread = stride > 1 ? spreadPixels(g, stride) : g
  const [, , gh, gw] = spread.shape as [number, number, number, number]
  const flipped = kh * kw === 1 ? w : flip(w, [2, 3])
  const grouped = reshape(flipped, [groups, o / groups, perGroup, kh, kw])
  const kernels = reshape(transpose(grouped, [0, 2, 1, 3, 4]), [c, o / groups, kh, kw])
  const before: [number, number] = [kh - 1 - top, kw - 1 - left]
  const after: [number, number] = [height - gh - before[0] + kh - 1, width - gw - before[1] + kw - 1]
  if (Math.min(...before, ...after) < 0) return transposedConvolution(g, x, w, stride, pads, groups)
  return conv2d(spread, kernels, { pads: [before[0], before[1], after[0], after[1]], groups })
}

/**
 * Every pixel at the top left of a square of zeros of side `stride`: [N, C, h, w] -> [N, C, h * stride, w * stride].
 */
function spreadPixels(g: Value, stride: number): Value {
  const repeated = repeatPixels(g, stride)
  const [, , height, width] = repeated.shape as [number, number, number, number]
  const corner = new Float32Array(height * width).map((_, i) =>
    (i % width) % stride === 0 && Math.floor(i / width) % stride === 0 ? 1 : 0,
  )
  return mul(repeated, g.graph.constant(corner, [1, 1, height, width]))
}

function transposedConvolution(
  g: Value,
  x: Value,
  w: Value,
  stride: number,
  pads: readonly number[],
  groups: number,
): Value {
  const [, , height, width] = x.shape as [number, number, number, number]
  const [, , kh, kw] = w.shape as [number, number, number, number]
  const [top, left, bottom, right] = pads as [number, number, number, number]
  const [, , gh, gw] = g.shape as [number, number, number, number]
  const full = [height - ((gh - 1) * stride + kh - top - bottom), width - ((gw - 1) * stride + kw - left - right)]
  return g.graph.apply({
    op: 'ConvTranspose',
    inputs: [g, w],
    shape: x.shape,
    attributes: { kernel_shape: [kh, kw], strides: [stride, stride], pads, group: groups, output_padding: full },
  })
}

/**
 * Numbers in the copies that the products of a weight gradient read at a time; where there are more, it is summed over
 * bands of rows.
 */
const BAND = 32e6

/**
 * dW[o, c, i, j] = sum over pixels p of g[o, p] x[c, p + (i, j)], as kw long matrix products: the padded input is laid
 * out flat, so that a column shift is an offset; the cotangent, widened to the input's row length with zeros, is
 * stacked kh times, each copy shifted by a row.
 */
function weightGradient(
  g: Value,
  x: Value,
  w: Value,
  stride: number,
  pads: readonly [number, number, number, number],
  groups: number,
): Value {
  const [n, c] = x.shape as [number, number, number, number]
  const [o, perGroup, kh, kw] = w.shape as [number, number, number, number]
  const [, , gh, gw] = g.shape as [number, number, number, number]
  const items = Array.from({ length: n }, (_, item) => {
    const xi = n === 1 ? x : slice(x, { axes: [0], starts: [item], ends: [item + 1] })
    const gi = n === 1 ? g : slice(g, { axes: [0], starts: [item], ends: [item + 1] })
    if (groups > 1) return sampledProduct(gi, xi, w, stride, pads, groups)
    if (kh * kw === 1 && stride === 1 && pads.every((p) => p === 0))
      return gemm(reshape(gi, [o, gh * gw]), reshape(xi, [c, gh * gw]), null, { transB: true })
    // Of few input channels all taps are fewer numbers than the stacked cotangent.
    return stride === 1 && c * kw >= o ? shiftedProducts(gi, xi, w, pads) : sampledProduct(gi, xi, w, stride, pads, 1)
  })
  return reshape(
    items.reduce((sum, item) => sum.graph.apply({ op: 'Add', inputs: [sum, item], shape: sum.shape })),
    [o, perGroup, kh, kw],
  )
}

/**
 * The sum of `product` over bands of rows of the cotangent, each with the `reach` rows and more of the padded input
 * that it meets. Its copies are made for one band at a time, since nothing but the finished products of the others is
 * needed beside them.
 * @param copied numbers that `product` copies for one row of the cotangent
 */
function sumOverBands(
  g: Value,
  padded: Value,
  stride: number,
  reach: number,
  copied: number,
  product: (g: Value, padded: Value) => Value,
): Value {
  const [, , height] = g.shape as [number, number, number, number]
  const rows = Math.ceil(height / Math.ceil((height * copied) / BAND))
  if (rows >= height) return product(g, padded)
  const rowsOf = (x: Value, start: number, end: number) => slice(x, { axes: [2], starts: [start], ends: [end] })
  const products = Array.from({ length: Math.ceil(height / rows) }, (_, band) => {
    const [start, end] = [band * rows, Math.min((band + 1) * rows, height)]
    return product(rowsOf(g, start, end), rowsOf(padded, start * stride, (end - 1) * stride + reach))
  })
  return products.reduce((sum, part) => add(sum, part))
}

/** [1, O, h, w] and [1, C, H, W] -> [O, C * kh * kw] for stride 1. */
function shiftedProducts(
  g: Value,
  x: Value,
  w: Value,
  [top, left, bottom, right]: readonly [number, number, number, number],
): Value {
  const [o, c, kh, kw] = w.shape as [number, number, number, number]
  const [, , , gw] = g.shape as [number, number, number, number]
  // A spare row at the bottom keeps the last column shifts inside the flat input.
  const padded = pad(x, [
    [0, 0],
    [0, 0],
    [top, bottom + 1],
    [left, right],
  ])
  const pw = padded.shape[3]!
  return sumOverBands(g, padded, 1, kh + 1, o * kh * pw, (band, rows) => {
    const [, , bh] = band.shape as [number, number, number, number]
    const flat = reshape(rows, [c, (bh + kh) * pw])
    const span = (bh + kh - 1) * pw
    const wide = reshape(
      pad(band, [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, pw - gw],
      ]),
      [o, bh * pw],
    )
    const zeros = g.graph.zeros([o, kh * pw])
    const copies = Array.from({ length: 2 * kh - 1 }, (_, i) => (i % 2 === 0 ? wide : zeros))
    // Copy i starts i rows late, since the zeros between two copies are one row longer than the rest of a copy.
    const stacked = reshape(concat(copies, 1), [o * kh, span])
    const columns = Array.from({ length: kw }, (_, j) => {
      const shifted = slice(flat, { axes: [1], starts: [j], ends: [j + span] })
      return reshape(gemm(stacked, shifted, null, { transB: true }), [o, kh, c, 1])
    })
    return reshape(transpose(concat(columns, 3), [0, 2, 1, 3]), [o, c * kh * kw])
  })
}

/**
 * The same for a longer stride, few channels or groups: every kernel tap samples its own grid of the input. -> [O, C /
 * groups * kh * kw]
 */
function sampledProduct(
  g: Value,
  x: Value,
  w: Value,
  stride: number,
  pads: readonly [number, number, number, number],
  groups: number,
): Value {
  const [o, perGroup, kh, kw] = w.shape as [number, number, number, number]
  const [, , , gw] = g.shape as [number, number, number, number]
  const [top, left, bottom, right] = pads
  const padded = pad(x, [
    [0, 0],
    [0, 0],
    [top, bottom],
    [left, right],
  ])
  return sumOverBands(g, padded, stride, kh, groups * perGroup * kh * kw * gw, (band, rows) => {
    const [, , bh] = band.shape as [number, number, number, number]
    const taps = Array.from({ length: kh * kw }, (_, k) => {
      const i = Math.floor(k / kw)
      const j = k % kw
      const tap = slice(rows, {
        axes: [2, 3],
        starts: [i, j],
        ends: [i + (bh - 1) * stride + 1, j + (gw - 1) * stride + 1],
        steps: [stride, stride],
      })
      return reshape(tap, [groups, perGroup, bh * gw])
    })
    const sampled = concat(taps, 1) // [groups, kh * kw * perGroup, h * w]
    const product =
      groups === 1
        ? gemm(reshape(band, [o, bh * gw]), reshape(sampled, [kh * kw * perGroup, bh * gw]), null, { transB: true })
        : matmul(reshape(band, [groups, o / groups, bh * gw]), swapLast(sampled))
    return reshape(transpose(reshape(product, [o, kh * kw, perGroup]), [0, 2, 1]), [o, perGroup * kh * kw])
  })
}
