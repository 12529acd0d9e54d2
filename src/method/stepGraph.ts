import { gradients } from '../engine/gradients.js'
import { Graph, type Value } from '../engine/graph.js'
import { add, concat, mul, reduceMean, reshape, slice, sub } from '../engine/ops.js'
import { type GeneratorShape, generator, joinGradients, parameterCount, splitParameters } from '../models/generator.js'
import { type GuidanceModel, bindWeights } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { type ViewInputs, type ViewPlan, clipViews, resizePicture, viewInputs } from './clipViews.js'
import {
  type LossName, bootstrapLoss, directionalLoss, lossNames, render, sparsityLoss, sphericalLoss, stretch, structureLoss,
} from './losses.js'
import { madgrad, vectorNorm } from './madgrad.js'
import { type TargetName, type TextShares, targetInputName } from './textTargets.js'
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

/** Short side of the views that a model sees: 224 as published, or what a model for larger pictures was trained at. */
export function viewSide(model: Pick<GuidanceModel, 'imageSize'>): number {
  return Math.max(224, model.imageSize)
}

/** A picture's size for a model: at short side 224, the long side is at most `longest`, which grows with `side`. */
function seenSize(size: Size, side: number, longest: number): Size {
  return viewSize(size, side, Math.round((longest * side) / 224))
}

/** The plan of every view of a picture of this size, for models that see views of short side `side`. */
export function viewPlan(size: Size, side: number, settings: ImageSettings): ViewPlan {
  return {
    count: settings.views, source: size, view: seenSize(size, side, 320),
    sampling: settings.viewSampling, fill: settings.viewFill, antialias: settings.antialias,
  }
}

/** What the graph inputs of a set of views are called. */
export function viewInputsName(set: ViewSet, side: number): string {
  return side === 224 ? set : `${set}${side}`
}

export interface StepGraph {
  readonly graph: Graph
  readonly outputs: Readonly<Record<string, Value>>
}

/**
 * One training step on one picture as one graph (paper, Eq. 2; spec 1.9). Inputs: the picture, the flat parameters and
 * optimizer state, the weight of every loss in this step, the draws of the views, each model's text embeddings and their shares,
 * and the frozen weights. The losses of several guidance models are averaged. Outputs: 'losses' (unweighted, in the order of `lossNames`, then the weighted total, the length of the
 * gradient and of the new parameters), and the new state or the gradient.
 */
export function buildStepGraph(plan: StepPlan, guidance: readonly GuidanceModel[]): StepGraph {
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

/** The losses of one picture, those with weight 0 left out: the means of what each guidance model says, and what none is asked for. */
function pictureLosses(plan: StepPlan, guidance: readonly GuidanceModel[], graph: Graph, pictures: Pictures): Map<LossName, Value> {
  const { settings, size } = plan
  const map = (name: string) => graph.input(name, [1, 1, size.height, size.width])
  const fed = sharedInputs(plan, graph)
  const said = guidance.map((model) => guidanceLosses(plan, model, fed, pictures))
  const losses = new Map<LossName, Value>()
  for (const name of lossNames) {
    const values = said.flatMap((one) => one.get(name) ?? [])
    if (values.length > 0) losses.set(name, mean(values))
  }
  if (settings.lambdaSparsity > 0) {
    losses.set('sparsity', sparsityLoss(pictures.alpha, settings.lambdaAlphaL1, settings.lambdaAlphaL0, plan.emphasis ? map('emphasis') : null))
  }
  if (plan.bootstrap === 'map') losses.set('bootstrap', bootstrapLoss(pictures.alpha, map('relevancy')))
  return losses
}

interface SharedInputs {
  views(set: ViewSet, side: number): ViewInputs
  share(loss: keyof TextShares, count: number): Value
}

/** The inputs that several losses or models read: each is declared when it is first asked for. */
function sharedInputs({ size, settings }: StepPlan, graph: Graph): SharedInputs {
  const drawn = new Map<string, ViewInputs>()
  const shares = new Map<string, Value>()
  return {
    views(set, side) {
      const name = viewInputsName(viewSetOf(set, settings.viewSharing), side)
      const inputs = drawn.get(name) ?? viewInputs(graph, name, viewPlan(size, side, settings))
      drawn.set(name, inputs)
      return inputs
    },
    share(loss, count) {
      const share = shares.get(loss) ?? graph.input(`share.${loss}`, [count])
      shares.set(loss, share)
      return share
    },
  }
}

function mean(values: readonly Value[]): Value {
  return values.length === 1 ? values[0]! : mul(values.reduce((sum, value) => add(sum, value)), 1 / values.length)
}

/** The losses that one guidance model answers for. */
function guidanceLosses(plan: StepPlan, model: GuidanceModel, fed: SharedInputs, { picture, composite, greenScreen, alpha }: Pictures): Map<LossName, Value> {
  const { settings, texts } = plan
  const graph = picture.graph
  const { inputs: weights } = bindWeights(graph, model)
  const side = viewSide(model)
  const views = viewPlan(plan.size, side, settings)
  // Losses that share views of one image also share its embeddings: equal applications are one node.
  const embed = (image: Value, set: ViewSet) => model.embed(clipViews(image, fed.views(set, side), views), weights) // [V, D]
  const target = (name: TargetName, n: number) => graph.input(targetInputName(model, name), [n, model.embeddingWidth])
  const losses = new Map<LossName, Value>()

  if (settings.lambdaComposition > 0) {
    losses.set('composition', sphericalLoss(embed(composite, 'composition'), target('composition', texts.composition), fed.share('composition', texts.composition)))
  }
  if (settings.lambdaDirectional > 0) {
    const change = sub(embed(composite, 'directionalOutput'), embed(picture, 'directionalInput'))
    losses.set('directional', directionalLoss(change, target('direction', texts.direction), fed.share('direction', texts.direction)))
  }
  if (settings.lambdaScreen > 0) {
    losses.set('screen', sphericalLoss(embed(greenScreen, 'screen'), target('screen', texts.screen), fed.share('screen', texts.screen)))
  }
  if (settings.lambdaStructure > 0) {
    const whole = seenSize(plan.size, side, 380)
    const tokens = (image: Value) => model.tokens(resizePicture(image, whole, settings.antialias), weights)
    losses.set('structure', structureLoss(tokens(composite), tokens(picture)))
  }
  if (plan.bootstrap === 'model') {
    const window = { height: model.imageSize, width: model.imageSize }
    const seen = resizePicture(picture, window, settings.antialias)
    const maps = model.relevancy(seen, target('region', texts.region), weights) // [K, 1, gh, gw]
    const stretched = Array.from({ length: texts.region }, (_, k) =>
      stretch(resizePicture(slice(maps, { axes: [0], starts: [k], ends: [k + 1] }), window, false)))
    const relevancy = texts.region === 1 ? stretched[0]! : reduceMean(concat(stretched, 0), [0], { keepDims: true })
    losses.set('bootstrap', bootstrapLoss(resizePicture(alpha, window, settings.antialias), relevancy))
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
