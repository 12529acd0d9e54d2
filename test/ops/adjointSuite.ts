import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Graph, type Shape, type Value, sizeOf } from '../../src/engine/graph.js'
import { gradients } from '../../src/engine/gradients.js'
import * as ops from '../../src/engine/ops.js'
import { type RandomStream, randomStream } from '../../src/engine/random.js'
import type { Runtime } from '../../src/engine/runtime.js'
import { findBitDifference } from './compare.js'

/** An op on inputs of drawn shapes. */
interface Drawn {
  readonly shapes: readonly Shape[]
  readonly apply: (inputs: readonly Value[]) => Value
}

type Draw = (r: RandomStream) => Drawn

/** The identity is exact but for rounding, relative to the size of the summed terms. */
const IDENTITY = 2e-5
/** Central differences in float32, relative to the size of the summed terms. */
const DIFFERENCE = 2e-3
const STEP = 5e-3

const length = (r: RandomStream, most = 5) => r.integer(1, most + 1)
const shapeOf = (r: RandomStream, rank: number, most = 5) => Array.from({ length: rank }, () => length(r, most))
/** The shape with some axes cut to 1, or missing in front. */
const broadcastable = (r: RandomStream, shape: Shape) =>
  shape.map((n) => (r.chance(0.4) ? 1 : n)).slice(r.chance(0.3) ? r.integer(0, shape.length) : 0)
function someAxes(r: RandomStream, rank: number) {
  const axes = Array.from({ length: rank }, (_, i) => i).filter(() => r.chance(0.5))
  return axes.length > 0 ? axes : [rank - 1]
}

function pair(f: (a: Value, b: Value) => Value): Draw {
  return (r) => {
    const shape = shapeOf(r, r.integer(1, 5), 3)
    const other = broadcastable(r, shape)
    const shapes = r.chance(0.5) ? [shape, other] : [other, shape]
    return { shapes, apply: ([a, b]) => f(a!, b!) }
  }
}

function single(f: (x: Value) => Value, rank?: number): Draw {
  return (r) => ({ shapes: [shapeOf(r, rank ?? r.integer(1, 5), 3)], apply: ([x]) => f(x!) })
}

const convolution: Draw = (r) => {
  const [groups, stride] = [r.chance(0.6) ? 1 : r.integer(2, 4), r.integer(1, 4)]
  const [kh, kw] = [r.integer(1, 5), r.integer(1, 5)]
  const pads = [r.integer(0, kh), r.integer(0, kw), r.integer(0, kh), r.integer(0, kw)] as const
  const x = [r.integer(1, 3), groups * r.integer(1, 4), kh + r.integer(0, 6), kw + r.integer(0, 6)]
  const w = [groups * r.integer(1, 4), x[1]! / groups, kh, kw]
  return { shapes: [x, w], apply: ([image, weight]) => ops.conv2d(image!, weight!, { stride, pads, groups }) }
}

const dilatedConvolution: Draw = (r) => {
  const dilation = r.integer(2, 5)
  const [kh, kw] = [r.integer(1, 4), r.integer(1, 4)]
  const [tall, wide] = [dilation * (kh - 1) + 1, dilation * (kw - 1) + 1]
  const pads = [r.integer(0, tall), r.integer(0, wide), r.integer(0, tall), r.integer(0, wide)] as const
  const [x, w] = [
    [1, r.integer(1, 4), tall + r.integer(0, 6), wide + r.integer(0, 6)],
    [r.integer(1, 4), 0, kh, kw],
  ]
  w[1] = x[1]!
  return { shapes: [x, w], apply: ([image, weight]) => ops.conv2d(image!, weight!, { pads, dilation }) }
}

const product: Draw = (r) => {
  const batch = shapeOf(r, r.integer(0, 3), 3)
  const [m, k, n] = shapeOf(r, 3)
  return {
    shapes: [
      [...broadcastable(r, batch), m!, k!],
      [...batch, k!, n!],
    ],
    apply: ([a, b]) => ops.matmul(a!, b!),
  }
}

const gemmProduct: Draw = (r) => {
  const [m, k, n] = shapeOf(r, 3)
  const [transA, transB] = [r.chance(0.5), r.chance(0.5)]
  return {
    shapes: [transA ? [k!, m!] : [m!, k!], transB ? [n!, k!] : [k!, n!]],
    apply: ([a, b]) => ops.gemm(a!, b!, null, { transA, transB }),
  }
}

const window: Draw = (r) => {
  const shape = shapeOf(r, r.integer(1, 4), 9)
  const ranges = someAxes(r, shape.length).map((axis) => {
    const n = shape[axis]!
    const [start, step] = [r.integer(0, n), r.integer(1, 4)]
    if (r.chance(0.4))
      return { axis, start, end: r.chance(0.5) || start === 0 ? -Infinity : r.integer(0, start), step: -step }
    return { axis, start, end: r.integer(start, n) + 1, step }
  })
  const options = {
    axes: ranges.map((x) => x.axis),
    starts: ranges.map((x) => x.start),
    ends: ranges.map((x) => x.end),
    steps: ranges.map((x) => x.step),
  }
  return { shapes: [shape], apply: ([x]) => ops.slice(x!, options) }
}

const padding: Draw = (r) => {
  const mode = (['constant', 'reflect', 'edge'] as const)[r.integer(0, 3)]!
  const shape = shapeOf(r, r.integer(1, 5), 4).map((n) => n + 1)
  const pads = shape.map((n) => [r.integer(0, n), r.integer(0, n)] as const)
  return { shapes: [shape], apply: ([x]) => ops.pad(x!, pads, mode) }
}

const sampling: Draw = (r) => {
  const [v, c, h, w, height, width] = [r.integer(1, 3), ...shapeOf(r, 5, 6)] as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const grid = Array.from({ length: v * h * w * 2 }, () => r.uniform(-1.4, 1.4))
  return { shapes: [[v, c, height, width]], apply: ([x]) => ops.gridSample(x!, x!.graph.constant(grid, [v, h, w, 2])) }
}

/** Sizes of planes [c, H, W] and of positions [2, h, w]. */
function positions(r: RandomStream) {
  const [c, height, width, h, w] = shapeOf(r, 5, 4) as [number, number, number, number, number]
  return { planes: [c, height + 1, width + 1], where: [2, h, w] }
}

const samplingAtPositions: Draw = (r) => {
  const { planes, where } = positions(r)
  const at = Array.from({ length: sizeOf(where) }, () => r.uniform(-2, 7))
  return { shapes: [planes], apply: ([x]) => ops.sampleBilinear(x!, x!.graph.constant(at, where)) }
}

/**
 * In the positions too. What is drawn keeps clear of whole and half pixels, and one pixel further it lies about the
 * middle of the planes.
 */
const movedPositions: Draw = (r) => {
  const { planes, where } = positions(r)
  return { shapes: [planes, where], apply: ([x, at]) => ops.sampleBilinear(x!, ops.add(at!, 1)) }
}

const warping: Draw = (r) => {
  const shape = shapeOf(r, 4, 6)
  const view = () => [
    [r.uniform(0.6, 1.4), r.uniform(-0.4, 0.4), r.uniform(-1, 1)],
    [r.uniform(-0.4, 0.4), r.uniform(0.6, 1.4), r.uniform(-1, 1)],
    [r.uniform(-0.03, 0.03), r.uniform(-0.03, 0.03), 1],
  ]
  const inverse = Array.from({ length: shape[0]! }, view).flat(2)
  return { shapes: [shape], apply: ([x]) => ops.warp(x!, x!.graph.constant(inverse, [shape[0]!, 3, 3]), 0) }
}

const resampling: Draw = (r) => {
  const [v, c, height, width, h, w] = shapeOf(r, 6) as [number, number, number, number, number, number]
  return {
    shapes: [
      [r.chance(0.5) ? 1 : v, c, height, width],
      [v, h, height],
      [v, w, width],
    ],
    apply: ([x, rows, columns]) => ops.resampleSeparable(x!, rows!, columns!),
  }
}

const gathering: Draw = (r) => {
  const shape = shapeOf(r, r.integer(1, 4))
  const axis = r.integer(0, shape.length)
  const indices = Array.from({ length: r.integer(1, 9) }, () => r.integer(0, shape[axis]!))
  return { shapes: [shape], apply: ([x]) => ops.take(x!, indices, axis) }
}

const permutation: Draw = (r) => {
  const shape = shapeOf(r, r.integer(1, 7), 3)
  const perm = r.permutation(shape.length)
  return { shapes: [shape], apply: ([x]) => ops.transpose(x!, perm) }
}

const expansion: Draw = (r) => {
  const target = shapeOf(r, r.integer(1, 5), 4)
  return { shapes: [broadcastable(r, target)], apply: ([x]) => ops.expand(x!, target) }
}

const joining: Draw = (r) => {
  const shape = shapeOf(r, r.integer(1, 4))
  const axis = r.integer(0, shape.length)
  const pieces = Array.from({ length: r.integer(1, 12) }, () => shape.map((n, i) => (i === axis ? length(r) : n)))
  return { shapes: pieces, apply: (xs) => ops.concat(xs, axis) }
}

const reduction =
  (f: typeof ops.reduceSum): Draw =>
  (r) => {
    const shape = shapeOf(r, r.integer(1, 5), 3)
    const [axes, keepDims] = [someAxes(r, shape.length), r.chance(0.5)]
    return { shapes: [shape], apply: ([x]) => f(x!, axes, { keepDims }) }
  }

/** Linear in every input on its own, so that <f(x), u> = <x_i, J_i^T u> for each input i. */
const multilinear: Readonly<Record<string, Draw>> = {
  mul: pair(ops.mul),
  neg: single(ops.neg),
  matmul: product,
  gemm: gemmProduct,
  conv2d: convolution,
  conv2dDilated: dilatedConvolution,
  reshape: single((x) => ops.reshape(x, [-1, x.shape.at(-1)!])),
  transpose: permutation,
  slice: window,
  expand: expansion,
  pad: padding,
  gather: gathering,
  flip: single((x) => ops.flip(x, [0, x.shape.length - 1].slice(0, x.shape.length))),
  dilate: (r) => {
    const shape = shapeOf(r, r.integer(1, 5), 4)
    const [axis, stride] = [r.integer(0, shape.length), r.integer(2, 5)]
    return { shapes: [shape], apply: ([x]) => ops.dilate(x!, axis, stride) }
  },
  reduceSum: reduction(ops.reduceSum),
  reduceMean: reduction(ops.reduceMean),
  upsample2x: single(ops.upsample2x, 4),
  resampleSeparable: resampling,
  gridSample: sampling,
  sampleBilinear: samplingAtPositions,
  warp: warping,
}

/** Linear in all inputs together: <f(x), u> = sum over i of <x_i, J_i^T u>. */
const linear: Readonly<Record<string, Draw>> = { add: pair(ops.add), sub: pair(ops.sub), concat: joining }

const normalised =
  (f: (x: Value, scale: Value, bias: Value) => Value, channelAxis: number, rank: number): Draw =>
  (r) => {
    const shape = shapeOf(r, rank, 3).map((n) => n + 2)
    const channels = [shape.at(channelAxis)!]
    return { shapes: [shape, channels, channels], apply: ([x, scale, bias]) => f(x!, scale!, bias!) }
  }

/** Everything else: the gradient against central differences along a random direction. */
const smooth: Readonly<Record<string, Draw>> = {
  maxPool2: (r) => ({
    shapes: [shapeOf(r, 4, 3).map((n, axis) => (axis < 2 ? n : 2 * n))],
    apply: ([x]) => ops.maxPool2(x!),
  }),
  exp: single(ops.exp),
  sigmoid: single(ops.sigmoid),
  tanh: single(ops.tanh),
  erf: single(ops.erf),
  sin: single(ops.sin),
  cos: single(ops.cos),
  square: single(ops.square),
  abs: single(ops.abs),
  relu: single(ops.relu),
  relu6: single(ops.relu6),
  leakyRelu: single((x) => ops.leakyRelu(x, 0.2)),
  silu: single(ops.silu),
  quickGelu: single(ops.quickGelu),
  gelu: single(ops.gelu),
  clip: single((x) => ops.clip(x, -0.5, 0.75)),
  log: single((x) => ops.log(ops.add(ops.square(x), 0.5))),
  sqrt: single((x) => ops.sqrt(ops.add(ops.square(x), 0.5))),
  reciprocal: single((x) => ops.reciprocal(ops.add(ops.square(x), 0.5))),
  div: pair((a, b) => ops.div(a, ops.add(ops.square(b), 0.5))),
  asin: single((x) => ops.asin(ops.mul(ops.tanh(x), 0.9))),
  minimum: pair(ops.minimum),
  maximum: pair(ops.maximum),
  softmax: single(ops.softmax),
  logSumExp: single(ops.logSumExp),
  meanSquaredError: (r) => {
    const shape = shapeOf(r, r.integer(1, 5), 4)
    return { shapes: [shape, shape], apply: ([a, b]) => ops.meanSquaredError(a!, b!) }
  },
  reduceMax: reduction(ops.reduceMax),
  reduceMin: reduction(ops.reduceMin),
  normalizeLength: single((x) => ops.normalizeLength(ops.add(x, 0.3))),
  normalizeRows: (r) => ({ shapes: [[length(r), r.integer(3, 7)]], apply: ([x]) => ops.normalizeRows(x!, 1e-2) }),
  layerNorm: normalised((x, s, b) => ops.layerNorm(x, s, b, 1e-2), -1, 3),
  instanceNorm: normalised((x, s, b) => ops.instanceNorm(x, s, b, 1e-2), 1, 4),
  channelVariance: single(ops.channelVariance, 4),
  sampleBilinear: movedPositions,
}

/** The ops whose gradients the suite tries. */
export const adjointOps: ReadonlySet<string> = new Set(
  [multilinear, linear, smooth].flatMap((draws) => Object.keys(draws)),
)

/** Gradients of every op on random shapes, on one device, `runs` draws per op. */
export function runAdjointSuite(device: Runtime['device'], runtime: () => Runtime, runs: number): void {
  const property = (draw: Draw, check: (trial: Trial) => Promise<void>) =>
    fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const trial = await prepare(runtime(), draw, seed)
        try {
          await check(trial)
        } finally {
          await trial.release()
        }
      }),
      // A fixed seed: a failure is met again by running again.
      { numRuns: runs, seed: 20220711 },
    )
  describe(`gradients on random shapes on ${device}`, () => {
    it.each(Object.entries(multilinear))('%s: <f(x), u> = <x_i, J_i^T u> for each input', (_, draw) =>
      property(draw, async (trial) => {
        const { output, found } = await trial.run(trial.point)
        const left = dot(output, trial.cotangent)
        found.forEach((gradient, i) =>
          close(left, dot(trial.point[i]!, gradient), IDENTITY, `${trial.about}, input ${i}`),
        )
      }),
    )
    it.each(Object.entries(linear))('%s: <f(x), u> = <x, J^T u>', (_, draw) =>
      property(draw, async (trial) => {
        const { output, found } = await trial.run(trial.point)
        close(
          dot(output, trial.cotangent),
          sum(found.map((gradient, i) => dot(trial.point[i]!, gradient))),
          IDENTITY,
          trial.about,
        )
      }),
    )
    // A difference of two rounded sines is no slope: the graphics processor's functions are held to the oracle alone.
    if (device !== 'cpu') return
    it.each(Object.entries(smooth))('%s: <J v, u> = <v, J^T u> by central differences', (_, draw) =>
      property(draw, async (trial) => {
        const moved = (h: number) => trial.point.map((x, i) => x.map((value, k) => value + h * trial.direction[i]![k]!))
        const { found } = await trial.run(trial.point)
        const ahead = dot((await trial.run(moved(STEP))).output, trial.cotangent)
        const behind = dot((await trial.run(moved(-STEP))).output, trial.cotangent)
        const slope = { value: (ahead.value - behind.value) / (2 * STEP), size: 0 }
        close(slope, sum(found.map((gradient, i) => dot(trial.direction[i]!, gradient))), DIFFERENCE, trial.about, 2e-3)
      }),
    )
  })
}

interface Trial {
  readonly about: string
  readonly point: readonly Float32Array[]
  readonly direction: readonly Float32Array[]
  readonly cotangent: Float32Array
  run(point: readonly Float32Array[]): Promise<{ output: Float32Array; found: Float32Array[] }>
  release(): Promise<void>
}

async function prepare(runtime: Runtime, draw: Draw, seed: number): Promise<Trial> {
  const r = randomStream(seed, 'adjoint')
  const { shapes, apply } = draw(r)
  const graph = new Graph()
  const inputs = shapes.map((shape, i) => graph.input(`x${i}`, shape))
  const output = apply(inputs)
  const found = gradients(output, inputs, graph.input('u', output.shape))
  const program = await runtime.compile(graph, {
    y: output,
    ...Object.fromEntries(found.map((value, i) => [`g${i}`, value])),
  })
  const normal = (shape: Shape) =>
    Float32Array.from({ length: sizeOf(shape) }, () => r.uniform(-1, 1) + r.uniform(-1, 1))
  const cotangent = normal(output.shape)
  const run = async (point: readonly Float32Array[]) => {
    const tensor = (data: Float32Array, shape: Shape) => new runtime.Tensor('float32', data, shape)
    const feeds = {
      u: tensor(cotangent, output.shape),
      ...Object.fromEntries(point.map((x, i) => [`x${i}`, tensor(x, shapes[i]!)])),
    }
    const first = await program.run(feeds)
    if (runtime.device === 'cpu') {
      const second = await program.run(feeds)
      for (const name of Object.keys(first)) {
        expect(
          findBitDifference(first[name]!.data as Float32Array, second[name]!.data as Float32Array),
          `two runs, ${name}`,
        ).toBeNull()
      }
    }
    return {
      output: first['y']!.data as Float32Array,
      found: shapes.map((_, i) => first[`g${i}`]!.data as Float32Array),
    }
  }
  return {
    about: `seed ${seed}, shapes ${JSON.stringify(shapes)}`,
    point: distinct(r, shapes),
    direction: shapes.map(normal),
    cotangent,
    run,
    release: () => program.release(),
  }
}

/**
 * The odd multiples of 0.025, shuffled: far enough from each other and from the kinks 0, -0.5, 0.75 and 6 that no
 * difference crosses one.
 */
function distinct(r: RandomStream, shapes: readonly Shape[]): Float32Array[] {
  const sizes = shapes.map(sizeOf)
  const total = sizes.reduce((a, b) => a + b, 0)
  const order = r.permutation(total)
  let at = 0
  return sizes.map((size) =>
    Float32Array.from({ length: size }, () => (order[at++]! - Math.floor(total / 2)) * 0.05 + 0.025),
  )
}

interface Sum {
  readonly value: number
  readonly size: number
}

function dot(a: Float32Array, b: Float32Array): Sum {
  let [value, size] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    value += a[i]! * b[i]!
    size += Math.abs(a[i]! * b[i]!)
  }
  return { value, size }
}

function sum(parts: readonly Sum[]): Sum {
  return parts.reduce((a, b) => ({ value: a.value + b.value, size: a.size + b.size }), { value: 0, size: 0 })
}

function close(a: Sum, b: Sum, tolerance: number, about: string, least = 1e-6): void {
  const allowed = tolerance * Math.max(a.size, b.size) + least
  expect(
    Math.abs(a.value - b.value),
    `${about}: ${a.value} and ${b.value} differ by more than ${allowed}`,
  ).toBeLessThanOrEqual(allowed)
}
