import * as ops from '../../src/engine/ops.js'
import type { Value } from '../../src/engine/graph.js'
import { bicubicMatrix, linearMatrix } from './resizeMatrix.js'
import type { OpCase } from './opFixture.js'

type Attrs = OpCase['attrs']
type Application = (inputs: readonly Value[], attrs: Attrs) => Value

const unary =
  (f: (x: Value) => Value): Application =>
  ([x]) =>
    f(x!)
const binary =
  (f: (a: ops.Operand, b: ops.Operand) => Value): Application =>
  ([a, b], attrs) => {
    if (typeof attrs['left'] === 'number') return f(attrs['left'], a!)
    if (typeof attrs['right'] === 'number') return f(a!, attrs['right'])
    return f(a!, b!)
  }
const reduction =
  (f: (x: Value, axes: readonly number[], options: ops.ReduceOptions) => Value): Application =>
  ([x], { axes, keepDims }) =>
    f(x!, axes as number[], { keepDims: keepDims as boolean })

/** How each op of the fixture is written with the engine. */
const applications: Readonly<Record<string, Application>> = {
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: binary(ops.div),
  minimum: binary(ops.minimum),
  maximum: binary(ops.maximum),
  neg: unary(ops.neg),
  exp: unary(ops.exp),
  log: unary(ops.log),
  sqrt: unary(ops.sqrt),
  sigmoid: unary(ops.sigmoid),
  tanh: unary(ops.tanh),
  erf: unary(ops.erf),
  abs: unary(ops.abs),
  square: unary(ops.square),
  reciprocal: unary(ops.reciprocal),
  asin: unary(ops.asin),
  cos: unary(ops.cos),
  sin: unary(ops.sin),
  floor: unary(ops.floor),
  quickGelu: unary(ops.quickGelu),
  gelu: unary(ops.gelu),
  relu6: unary(ops.relu6),
  relu: unary(ops.relu),
  silu: unary(ops.silu),
  softmax: unary(ops.softmax),
  logSumExp: unary(ops.logSumExp),
  upsample2x: unary(ops.upsample2x),
  maxPool2: unary(ops.maxPool2),
  leakyRelu: ([x], { slope }) => ops.leakyRelu(x!, slope as number),
  clip: ([x], { low, high }) => ops.clip(x!, low as number, high as number),
  matmul: ([a, b]) => ops.matmul(a!, b!),
  gemm: ([a, b, c], attrs) => ops.gemm(a!, b!, c ?? null, attrs),
  reshape: ([x], { shape }) => ops.reshape(x!, shape as number[]),
  transpose: ([x], { perm }) => ops.transpose(x!, perm as number[]),
  // ONNX lets an end below -n run through index 0; the engine says -Infinity.
  slice: ([x], attrs) => {
    const options = attrs as unknown as ops.SliceOptions
    return ops.slice(x!, {
      ...options,
      ends: options.ends.map((end, i) => (end < -x!.shape.at(options.axes[i]!)! ? -Infinity : end)),
    })
  },
  flip: ([x], { axes }) => ops.flip(x!, axes as number[]),
  dilate: ([x], { axis, stride }) => ops.dilate(x!, axis as number, stride as number),
  concat: (xs, { axis }) => ops.concat(xs, axis as number),
  expand: ([x], { shape }) => ops.expand(x!, shape as number[]),
  pad: ([x], { pads, mode }) => ops.pad(x!, pads as [number, number][], mode as ops.PadMode),
  gather: ([x], { indices, axis }) => {
    const list = indices as number[] | number[][]
    const shape = Array.isArray(list[0]) ? [list.length, list[0].length] : [list.length]
    return ops.gather(x!, x!.graph.constant(list.flat(), shape, 'int64'), axis as number)
  },
  reduceSum: reduction(ops.reduceSum),
  reduceMean: reduction(ops.reduceMean),
  reduceMax: reduction(ops.reduceMax),
  reduceMin: reduction(ops.reduceMin),
  meanSquaredError: ([a, b]) => ops.meanSquaredError(a!, b!),
  layerNorm: ([x, scale, bias], { eps }) => ops.layerNorm(x!, scale!, bias!, eps as number),
  normalizeRows: ([x], { eps }) => ops.normalizeRows(x!, eps as number),
  normalizeLength: unary(ops.normalizeLength),
  instanceNorm: ([x, scale, bias], { eps }) => ops.instanceNorm(x!, scale!, bias!, eps as number),
  channelVariance: unary(ops.channelVariance),
  conv2d: ([x, w, bias], attrs) => ops.conv2d(x!, w!, { ...(attrs as ops.ConvOptions), bias: bias ?? null }),
  resizeBilinear: ([x], { height, width }) => {
    const [, , h, w] = x!.shape as [number, number, number, number]
    return resample(x!, linearMatrix(h, 0, h, height as number), linearMatrix(w, 0, w, width as number))
  },
  cropResize: ([x], attrs) => {
    const { top, left, cropHeight, cropWidth, height, width } = attrs as Record<string, number>
    const [, , h, w] = x!.shape as [number, number, number, number]
    return resample(x!, linearMatrix(h, top!, cropHeight!, height!), linearMatrix(w, left!, cropWidth!, width!))
  },
  // [rows * columns, c]: rows first, then columns, each one matrix product.
  positionResize: ([x], attrs) => {
    const { rows, columns, height, width } = attrs as Record<string, number>
    const image = ops.transpose(ops.reshape(x!, [1, rows!, columns!, -1]), [0, 3, 1, 2])
    const resized = resample(image, bicubicMatrix(rows!, height!), bicubicMatrix(columns!, width!))
    return ops.reshape(ops.transpose(resized, [0, 2, 3, 1]), [height! * width!, -1])
  },
  gridSample: ([x, grid], { fill }) => {
    const sampled = ops.gridSample(x!, grid!)
    if (fill === null) return sampled
    const inside = ops.gridCoverage(grid!, x!.shape[2]!, x!.shape[3]!)
    return ops.add(ops.mul(sampled, inside), ops.mul(ops.sub(1, inside), fill as number))
  },
  warp: ([x, inverse], { fill }) => ops.warp(x!, inverse!, fill as number),
  sampleBilinear: ([planes, position]) => ops.sampleBilinear(planes!, position!),
}

/** The case's op on `inputs`. */
export function applyOp({ op, attrs, name }: OpCase, inputs: readonly Value[]): Value {
  const application = applications[op]
  if (!application) throw new Error(`${name}: applyOp.ts does not say how "${op}" is written with the engine`)
  return application(inputs, attrs)
}

/** Resamples every item of x with the same pair of matrices. */
function resample(x: Value, rows: Float32Array, columns: Float32Array): Value {
  const [n, , height, width] = x.shape as [number, number, number, number]
  const views = (matrix: Float32Array, length: number) => {
    const h = matrix.length / length
    return ops.expand(x.graph.constant(matrix, [1, h, length]), [n, h, length])
  }
  return ops.resampleSeparable(x, views(rows, height), views(columns, width))
}
