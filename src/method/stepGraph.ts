import { gradients } from '../engine/gradients.js'
import { Graph, type Value } from '../engine/graph.js'
import { add, concat, mul, reduceMean, reshape, slice, sub } from '../engine/ops.js'
import { type GeneratorShape, generator, joinGradients, parameterCount, splitParameters } from '../models/generator.js'
import { type GuidanceModel, bindWeights } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { type ViewPlan, clipViews, resizePicture, viewInputs } from './clipViews.js'
import {
  type LossName, bootstrapLoss, directionalLoss, lossNames, render, sparsityLoss, sphericalLoss, stretch, structureLoss,
} from './losses.js'
import { madgrad, vectorNorm } from './madgrad.js'
import { type Size, viewSize } from './viewDraws.js'

/** What decides the shape of a step graph, besides the size of its picture. */
export interface StepPlan {
  readonly size: Size
  readonly generator: GeneratorShape
  readonly settings: ImageSettings
  /** Number of texts each loss chooses from. */
  readonly texts: { readonly composition: number; readonly screen: number; readonly direction: number; readonly region: number }
  /** The edit is bounded by a mask. */
  readonly masked: boolean
  /** The bootstrap loss is on in this step, and the relevancy map comes from the guidance in the graph ('model') or is fed ('map'). */
  readonly bootstrap: 'off' | 'model' | 'map'
  /** Sparsity is weighted place by place by a fed map. */
  readonly emphasis: boolean
  /** 'update' applies the optimizer; 'gradient' leaves the gradient for a following 'update' to carry. */
  readonly kind: 'update' | 'gradient'
}

/** The sets of views that a step encodes; with shared views some losses read another's set. */
export const viewSets = ['composition', 'directionalOutput', 'directionalInput', 'screen'] as const
export type ViewSet = (typeof viewSets)[number]

/** Which set of draws each set of views uses (`viewSharing`). */
export function viewSetOf(set: ViewSet, sharing: ImageSettings['viewSharing']): ViewSet {
  if (sharing === 'all') return 'composition'
  return sharing === 'losses' && set === 'directionalOutput' ? 'composition' : set
}

/** The plan of every view of a picture of this size. */
export function viewPlan(size: Size, settings: ImageSettings): ViewPlan {
  return {
    count: settings.views, source: size, view: viewSize(size, 224, 320),
    sampling: settings.viewSampling, fill: settings.viewFill, antialias: settings.antialias,
  }
}

export interface StepGraph {
  readonly graph: Graph
  readonly outputs: Readonly<Record<string, Value>>
}

/**
 * One training step on one picture as one graph (paper, Eq. 2; spec 1.9). Inputs: the picture, the flat parameters and
 * optimizer state, the weight of every loss in this step, the draws of the views, the text embeddings and their shares, and
 * the frozen weights. Outputs: 'losses' (unweighted, in the order of `lossNames`, then the weighted total, the length of the
 * gradient and of the new parameters), and the new state or the gradient.
 */
export function buildStepGraph(plan: StepPlan, guidance: GuidanceModel): StepGraph {
  const { settings, size } = plan
  const graph = new Graph()
  const picture = graph.input('picture', [1, 3, size.height, size.width])
  const count = parameterCount(plan.generator)
  const flat = graph.input('parameters', [count])
  const parameters = splitParameters(flat, plan.generator)

  const layer = generator(picture, parameters, plan.generator)
  const opacity = slice(layer, { axes: [1], starts: [3], ends: [4] })
  const alpha = plan.masked ? mul(opacity, graph.input('mask', [1, 1, size.height, size.width])) : opacity
  const { composite, greenScreen } = render(slice(layer, { axes: [1], starts: [0], ends: [3] }), alpha, picture)

  const losses = pictureLosses(plan, guidance, graph, { picture, composite, greenScreen, alpha })
  const weights = graph.input('weights', [lossNames.length])
  const values = concat(lossNames.map((name) => reshape(losses.get(name) ?? graph.scalar(0), [1])), 0)
  const total = lossNames.reduce<Value | null>((sum, name, i) => {
    const loss = losses.get(name)
    if (!loss) return sum
    const part = mul(loss, reshape(slice(weights, { axes: [0], starts: [i], ends: [i + 1] }), []))
    return sum ? add(sum, part) : part
  }, null) ?? graph.scalar(0)

  const own = joinGradients(gradients(total, [...parameters.values()]))
  if (plan.kind === 'gradient') return { graph, outputs: { losses: report(values, total, [own]), gradient: own } }
  const gradient = add(own, graph.input('carried', [count]))
  const state = {
    initial: graph.input('initial', [count]), gradientSum: graph.input('gradientSum', [count]), squareSum: graph.input('squareSum', [count]),
  }
  const update = madgrad(flat, gradient, state, graph.input('lambda', []), settings)
  return {
    graph,
    outputs: {
      losses: report(values, total, [gradient, update.parameters]), newParameters: update.parameters, newGradientSum: update.gradientSum, newSquareSum: update.squareSum,
    },
  }
}

/** The losses, the total, and lengths of vectors: any number in them that is not finite shows there. */
function report(values: Value, total: Value, vectors: readonly Value[]): Value {
  return concat([values, reshape(total, [1]), ...vectors.map((vector) => reshape(vectorNorm(vector), [1]))], 0)
}

interface Pictures {
  readonly picture: Value
  readonly composite: Value
  readonly greenScreen: Value
  readonly alpha: Value
}

/** The losses of one picture, those with weight 0 left out. */
function pictureLosses(plan: StepPlan, guidance: GuidanceModel, graph: Graph, { picture, composite, greenScreen, alpha }: Pictures): Map<LossName, Value> {
  const { settings, texts } = plan
  const d = guidance.embeddingWidth
  const { inputs: weights } = bindWeights(graph, guidance)
  const views = viewPlan(plan.size, settings)
  const drawn = new Map<ViewSet, ReturnType<typeof viewInputs>>()
  // Losses that share views of one image also share its embeddings: equal applications are one node.
  const embed = (image: Value, set: ViewSet) => {
    const source = viewSetOf(set, settings.viewSharing)
    const inputs = drawn.get(source) ?? viewInputs(graph, source, views)
    drawn.set(source, inputs)
    return guidance.embed(clipViews(image, inputs, views), weights) // [V, D]
  }
  const target = (name: string, n: number) => graph.input(`text.${name}`, [n, d])
  const share = (name: string, n: number) => graph.input(`share.${name}`, [n])
  const losses = new Map<LossName, Value>()

  if (settings.lambdaComposition > 0) {
    losses.set('composition', sphericalLoss(embed(composite, 'composition'), target('composition', texts.composition), share('composition', texts.composition)))
  }
  if (settings.lambdaDirectional > 0) {
    const change = sub(embed(composite, 'directionalOutput'), embed(picture, 'directionalInput'))
    losses.set('directional', directionalLoss(change, target('direction', texts.direction), share('direction', texts.direction)))
  }
  if (settings.lambdaScreen > 0) {
    losses.set('screen', sphericalLoss(embed(greenScreen, 'screen'), target('screen', texts.screen), share('screen', texts.screen)))
  }
  if (settings.lambdaStructure > 0) {
    const whole = viewSize(plan.size, 224, 380)
    const tokens = (image: Value) => guidance.tokens(resizePicture(image, whole, settings.antialias), weights)
    losses.set('structure', structureLoss(tokens(composite), tokens(picture)))
  }
  if (settings.lambdaSparsity > 0) {
    const emphasis = plan.emphasis ? graph.input('emphasis', [1, 1, plan.size.height, plan.size.width]) : null
    losses.set('sparsity', sparsityLoss(alpha, settings.lambdaAlphaL1, settings.lambdaAlphaL0, emphasis))
  }
  if (plan.bootstrap === 'map') {
    losses.set('bootstrap', bootstrapLoss(alpha, graph.input('relevancy', [1, 1, plan.size.height, plan.size.width])))
  }
  if (plan.bootstrap === 'model') {
    const side = guidance.imageSize
    const window = { height: side, width: side }
    const seen = resizePicture(picture, window, settings.antialias)
    const maps = guidance.relevancy(seen, target('region', texts.region), weights) // [K, 1, gh, gw]
    const stretched = Array.from({ length: texts.region }, (_, k) =>
      stretch(resizePicture(slice(maps, { axes: [0], starts: [k], ends: [k + 1] }), window, false)))
    const mean = texts.region === 1 ? stretched[0]! : reduceMean(concat(stretched, 0), [0], { keepDims: true })
    losses.set('bootstrap', bootstrapLoss(resizePicture(alpha, window, settings.antialias), mean))
  }
  return losses
}

/** The edit layer of a whole picture, without losses: 'layer' [1, 4, H, W]. */
export function buildLayerGraph(size: Size, shape: GeneratorShape): StepGraph {
  const graph = new Graph()
  const picture = graph.input('picture', [1, 3, size.height, size.width])
  const parameters = splitParameters(graph.input('parameters', [parameterCount(shape)]), shape)
  return { graph, outputs: { layer: generator(picture, parameters, shape) } }
}
