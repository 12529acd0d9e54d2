import { gradients } from '../engine/gradients.js'
import { Graph, type Value } from '../engine/graph.js'
import {
  add,
  channelVariance,
  concat,
  conv2d,
  mul,
  pad,
  reciprocal,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  sqrt,
  square,
  stopGradient,
  sub,
  upsample2x,
} from '../engine/ops.js'
import {
  BATCH_NORM_EPS,
  type GeneratorShape,
  activate,
  branches,
  encode,
  finish,
  joinGradients,
  joinKernels,
  lower,
  parameterCount,
  splitParameters,
} from './generator.js'

/**
 * The generator in pieces, for pictures whose full-size activations (width * H * W numbers each) should never exist at
 * once. All below the first level's decoder, at half the size, is the core; the decoder runs on strips of rows. Norms
 * couple the strips through sums over all of them, which the caller adds up between the passes: raised -> joined ->
 * layer forward, head -> join -> spread -> lower -> encoder backward. Same numbers as `generator`, to rounding.
 */
export interface StripGraph {
  readonly graph: Graph
  readonly outputs: Readonly<Record<string, Value>>
}

/**
 * Size of one strip: `rows` of the picture, starting at an even row; `deepRows` of the half-size core that they read
 * (`deepRowsOf`).
 */
export interface StripPlan {
  readonly shape: GeneratorShape
  readonly rows: number
  readonly width: number
  readonly deepWidth: number
}

/** Rows of the core's output, from half the strip's first row less one on, that a strip reads. */
export const deepRowsOf = (rows: number): number => Math.ceil(rows / 2) + 2

/** Parameters by the piece that they belong to, in the order of the flat vector. */
export function pieceOf(name: string): 'head' | 'join' | 'encoder' | 'lower' {
  if (/^netG\.(8\.1|6\.1|4)\./.test(name)) return 'head'
  if (/^netG\.(3\.1|2)\./.test(name)) return 'join'
  return name.startsWith('netG.1.1.7.') ? 'lower' : 'encoder'
}

interface Parameters {
  readonly all: ReadonlyMap<string, Value>
  readonly of: (piece: ReturnType<typeof pieceOf>) => Value[]
}

function parametersOf(graph: Graph, shape: GeneratorShape): Parameters {
  const all = splitParameters(graph.input('parameters', [parameterCount(shape)]), shape)
  return { all, of: (piece) => [...all].filter(([name]) => pieceOf(name) === piece).map(([, value]) => value) }
}

/** Picture [1, 3, H, W] -> 'skip' [1, s, H, W], 'deep' [1, w, H/2, W/2] (rounded up), 'skipVariance' [1, s, 1, 1]. */
export function coreGraph(
  { height, width }: { readonly height: number; readonly width: number },
  shape: GeneratorShape,
): StripGraph {
  const graph = new Graph()
  const { skip, deep } = branches(
    graph.input('picture', [1, 3, height, width]),
    parametersOf(graph, shape).all,
    0,
    shape.levels,
  )
  return { graph, outputs: { skip, deep, skipVariance: channelVariance(skip) } }
}

/**
 * 'deepCotangent' of the core -> 'gradient' of the parameters of all levels below the first, joined, and
 * 'innerCotangent' [1, w, H/2, W/2]: of what the first level's encoder gives them, which is computed again. A graph of
 * its own, so that what the encoder keeps for its own backward pass is not there meanwhile.
 */
export function lowerBackwardGraph(
  { height, width }: { readonly height: number; readonly width: number },
  shape: GeneratorShape,
): StripGraph {
  const graph = new Graph()
  const parameters = parametersOf(graph, shape)
  const { inner } = encode(graph.input('picture', [1, 3, height, width]), parameters.all, 0)
  const deep = lower(inner, parameters.all, 1, shape.levels)
  const own = parameters.of('lower')
  const found = gradients(deep, [...own, inner], graph.input('deepCotangent', deep.shape))
  return { graph, outputs: { gradient: joinGradients(found.slice(0, own.length)), innerCotangent: found.at(-1)! } }
}

/** Cotangents of the first level's encoder -> 'gradient': of its parameters, joined. */
export function encoderBackwardGraph(
  { height, width }: { readonly height: number; readonly width: number },
  shape: GeneratorShape,
): StripGraph {
  const graph = new Graph()
  const parameters = parametersOf(graph, shape)
  const { skip, inner } = encode(graph.input('picture', [1, 3, height, width]), parameters.all, 0)
  const outputs = [
    ['skip', skip],
    ['inner', inner],
    ['skipVariance', channelVariance(skip)],
  ] as const
  // The gradient of the sum of products is that of the outputs with these cotangents.
  const total = outputs
    .map(([name, value]) => reduceSum(mul(value, graph.input(`${name}Cotangent`, value.shape))))
    .reduce((a, b) => add(a, b))
  return { graph, outputs: { gradient: joinGradients(gradients(total, parameters.of('encoder'))) } }
}

/** Variances of both branches -> 'skipKernel', 'raisedKernel'. */
export function kernelGraph(shape: GeneratorShape): StripGraph {
  const graph = new Graph()
  const [skipKernel, raisedKernel] = kernelsOf(graph, parametersOf(graph, shape).all, shape).kernels
  return { graph, outputs: { skipKernel, raisedKernel } }
}

/**
 * Cotangents of the kernels -> 'gradient' of the join's parameters, 'skipVarianceGradient', 'raisedVarianceGradient'.
 */
export function kernelBackwardGraph(shape: GeneratorShape): StripGraph {
  const graph = new Graph()
  const parameters = parametersOf(graph, shape)
  const { kernels, variances } = kernelsOf(graph, parameters.all, shape)
  const names = ['skipKernel', 'raisedKernel'] as const
  const total = kernels
    .map((kernel, i) => reduceSum(mul(kernel, graph.input(`${names[i]!}Cotangent`, kernel.shape))))
    .reduce((a, b) => add(a, b))
  const own = parameters.of('join')
  const found = gradients(total, [...own, ...variances])
  const [skipVarianceGradient, raisedVarianceGradient] = found.slice(own.length) as [Value, Value]
  return {
    graph,
    outputs: { gradient: joinGradients(found.slice(0, own.length)), skipVarianceGradient, raisedVarianceGradient },
  }
}

function kernelsOf(graph: Graph, parameters: ReadonlyMap<string, Value>, shape: GeneratorShape) {
  const variances: [Value, Value] = [
    graph.input('skipVariance', [1, shape.skipWidth, 1, 1]),
    graph.input('raisedVariance', [1, shape.width, 1, 1]),
  ]
  return { variances, kernels: joinKernels(parameters, 0, variances) }
}

/**
 * The strip's rows of the raised core: 'mean' and 'squares' (squared differences from it, summed) per channel [1, w, 1,
 * 1].
 */
export function raisedGraph(plan: StripPlan): StripGraph {
  const graph = new Graph()
  return { graph, outputs: moments(rowsOf(raise(graph, plan), 2, plan.rows)) }
}

/** Both branches of a strip and their kernels -> 'joined' [1, w, rows, W], and its 'mean' and 'squares'. */
export function joinedGraph(plan: StripPlan): StripGraph {
  const graph = new Graph()
  const { joined } = joinStrip(graph, plan)
  return { graph, outputs: { joined, ...moments(joined) } }
}

/** 'joined' and its statistics -> 'layer' [1, 4, rows, W]. */
export function headGraph(plan: StripPlan): StripGraph {
  const graph = new Graph()
  return { graph, outputs: { layer: headStrip(graph, plan, parametersOf(graph, plan.shape).all).layer } }
}

/** Cotangent of the layer's strip -> 'gradient' of the head's parameters. */
export function headBackwardGraph(plan: StripPlan): StripGraph {
  const graph = new Graph()
  const parameters = parametersOf(graph, plan.shape)
  const { layer } = headStrip(graph, plan, parameters.all)
  return {
    graph,
    outputs: {
      gradient: joinGradients(gradients(layer, parameters.of('head'), graph.input('cotangent', layer.shape))),
    },
  }
}

/**
 * The gradient of a strip's branches and of the kernels. The norm behind the join asks for 'scaleMean' and 'shiftMean'
 * [1, w, 1, 1]: the gradients of its weight and bias over all strips, divided by the number of pixels.
 */
export function joinBackwardGraph(plan: StripPlan): StripGraph {
  const graph = new Graph()
  const parameters = parametersOf(graph, plan.shape)
  const channel = (name: string) => graph.input(name, [1, plan.shape.width, 1, 1])
  const { layer, normal, inverseDeviation, scale } = headStrip(graph, plan, parameters.all)
  const [ofNormal] = gradients(layer, [normal], graph.input('cotangent', layer.shape))
  // d joined = (g - mean g - normal mean(g normal)) / deviation, where g = cotangent of the normalised values.
  const means = add(mul(channel('shiftMean'), scale), mul(stopGradient(normal), mul(channel('scaleMean'), scale)))
  const ofJoined = mul(sub(ofNormal!, means), inverseDeviation)
  const { joined, deep, skip, kernels } = joinStrip(graph, plan)
  const [deepGradient, skipGradient, skipKernelGradient, raisedKernelGradient] = gradients(
    joined,
    [deep, skip, ...kernels],
    ofJoined,
  ) as [Value, Value, Value, Value]
  return { graph, outputs: { deepGradient, skipGradient, skipKernelGradient, raisedKernelGradient } }
}

/**
 * What the variance of the raised core asks of it: 'factor' (raised - 'raisedMean') on the strip's rows, back to
 * 'deepGradient'.
 */
export function spreadGraph(plan: StripPlan): StripGraph {
  const graph = new Graph()
  const channel = (name: string) => graph.input(name, [1, plan.shape.width, 1, 1])
  const raised = rowsOf(raise(graph, plan), 2, plan.rows)
  const cotangent = mul(sub(stopGradient(raised), channel('raisedMean')), channel('factor'))
  const [deepGradient] = gradients(raised, [raise.input(graph)], cotangent)
  return { graph, outputs: { deepGradient: deepGradient! } }
}

/**
 * The core's rows of a strip, input 'deep', raised to the picture's size: rows from two above the strip's first on, all
 * columns.
 */
function raise(graph: Graph, { shape, rows, width, deepWidth }: StripPlan): Value {
  const raised = upsample2x(graph.input('deep', [1, shape.width, deepRowsOf(rows), deepWidth]))
  return slice(raised, { axes: [3], starts: [0], ends: [width] })
}

/** The input that `raise` declared. */
raise.input = (graph: Graph): Value =>
  graph.nodes.find(({ kind, op }) => kind === 'input' && op === 'deep')!.outputs[0]!

const rowsOf = (x: Value, start: number, count: number): Value =>
  slice(x, { axes: [2], starts: [start], ends: [start + count] })

function joinStrip(graph: Graph, plan: StripPlan) {
  const { shape, rows, width } = plan
  // One row more on either side; at the picture's border it is the mirrored one.
  const near = rowsOf(raise(graph, plan), 1, rows + 2)
  const mirrored = (at: number, from: number, flag: string) => {
    const [own, other] = [rowsOf(near, at, 1), rowsOf(near, from, 1)]
    return add(own, mul(sub(other, own), graph.input(flag, [])))
  }
  const bordered = concat([mirrored(0, 2, 'atTop'), rowsOf(near, 1, rows), mirrored(rows + 1, rows - 1, 'atBottom')], 2)
  const raised = pad(
    bordered,
    [
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 1],
    ],
    'reflect',
  )
  const skip = graph.input('skip', [1, shape.skipWidth, rows + 2, width + 2])
  const kernels: [Value, Value] = [
    graph.input('skipKernel', [shape.width, shape.skipWidth, 3, 3]),
    graph.input('raisedKernel', [shape.width, shape.width, 3, 3]),
  ]
  return { joined: add(conv2d(skip, kernels[0]), conv2d(raised, kernels[1])), deep: raise.input(graph), skip, kernels }
}

function headStrip(graph: Graph, { shape, rows, width }: StripPlan, parameters: ReadonlyMap<string, Value>) {
  const channel = (name: string) => graph.input(name, [1, shape.width, 1, 1])
  const inverseDeviation = reciprocal(sqrt(add(channel('joinedVariance'), BATCH_NORM_EPS)))
  const normal = mul(sub(graph.input('joined', [1, shape.width, rows, width]), channel('joinedMean')), inverseDeviation)
  const scale = reshape(parameters.get('netG.4.weight')!, [1, shape.width, 1, 1])
  const shift = reshape(parameters.get('netG.4.bias')!, [1, shape.width, 1, 1])
  return { layer: finish(activate(add(mul(normal, scale), shift)), parameters), normal, inverseDeviation, scale }
}

function moments(x: Value): { readonly mean: Value; readonly squares: Value } {
  const mean = reduceMean(x, [2, 3], { keepDims: true })
  return { mean, squares: reduceSum(square(sub(x, mean)), [2, 3], { keepDims: true }) }
}
