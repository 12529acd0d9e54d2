import { gradients } from '../engine/gradients.js'
import { Graph, type Value } from '../engine/graph.js'
import { add, minimum, mul, slice } from '../engine/ops.js'
import { nextState, stateInputs } from '../engine/trainedProgram.js'
import { type GeneratorShape, generator, joinGradients, parameterCount, splitParameters } from '../models/generator.js'
import type { GuidanceModel } from '../models/guidance.js'
import { render } from './losses.js'
import { type MadgradOptions, madgrad } from './madgrad.js'
import { type LossPlan, type LossSettings, lossReport, pictureLosses, weightedTotal } from './pictureLosses.js'
import type { Size } from './viewDraws.js'

/** The settings that a step graph is built by. */
export type StepSettings = LossSettings & MadgradOptions

/** What decides the shape of a step graph, besides the size of its picture. */
export interface StepPlan extends LossPlan {
  readonly settings: StepSettings
  readonly generator: GeneratorShape
  /** The edit is bounded by a mask. */
  readonly masked: boolean
  /**
   * The picture is seen through an opacity of its own, which multiplies colour and alpha of the layer (a crop of the
   * foreground).
   */
  readonly opacity?: boolean
  /** The edit is held to the colours of the layer that the learned start makes, the input 'first' [1, 4, H, W]. */
  readonly held?: boolean
  /**
   * See `Sight`: the generator sees the picture times the input 'sightTimes' [1, 1, H, W] plus the input 'sightPlus'
   * [1, 1, H, W], at most 1.
   */
  readonly sight?: boolean
  /**
   * 'update' applies the optimizer; 'gradient' leaves the gradient, added to the carried one, for a following 'update'
   * to carry.
   */
  readonly kind: 'update' | 'gradient'
}

export interface StepGraph {
  readonly graph: Graph
  readonly outputs: Readonly<Record<string, Value>>
  /** See `CompileOptions.given`. */
  readonly given?: Readonly<Record<string, Value>>
}

/**
 * One training step on one picture as one graph (paper, Eq. 2). Inputs: the picture, the flat parameters and
 * optimizer state, the weight of every loss in this step, the draws of the views, each model's text embeddings and
 * their shares, and the frozen weights. The losses of several guidance models are averaged. Outputs: 'losses'
 * (unweighted, in the order of `lossNames`, then the weighted total, the length of the gradient and of the new
 * parameters), and the new state or the gradient.
 */
export function buildStepGraph(plan: StepPlan, guidance: readonly GuidanceModel[]): StepGraph {
  const graph = new Graph()
  const { pictures, parameters, flat } = stepPictures(plan, graph)
  const { values, total } = weightedTotal(graph, pictureLosses(plan, guidance, graph, pictures))
  const own = joinGradients(gradients(total, [...parameters.values()]))
  return { graph, outputs: stepOutputs(plan, graph, flat, own, (vectors) => lossReport(values, total, vectors)) }
}

/** The pictures that the losses compare, from the inputs of a step and the generator's parameters. */
export function stepPictures(plan: StepPlan, graph: Graph) {
  const { size } = plan
  const picture = graph.input('picture', [1, 3, size.height, size.width])
  const flat = graph.input('parameters', [parameterCount(plan.generator)])
  const parameters = splitParameters(flat, plan.generator)

  const map = (name: string) => graph.input(name, [1, 1, size.height, size.width])
  const mask = plan.masked ? map('mask') : null
  const seen = plan.opacity ? map('opacity') : null
  const rendered = (whole: Value) => {
    const layer = seen ? mul(whole, seen) : whole
    const opacity = slice(layer, { axes: [1], starts: [3], ends: [4] })
    return render(slice(layer, { axes: [1], starts: [0], ends: [3] }), mask ? mul(opacity, mask) : opacity, picture)
  }
  const shown = plan.sight ? minimum(add(mul(picture, map('sightTimes')), map('sightPlus')), 1) : picture
  const edit = rendered(generator(shown, parameters, plan.generator))
  const first = plan.held ? rendered(graph.input('first', [1, 4, size.height, size.width])) : null
  return { pictures: { picture, ...edit, first }, parameters, flat }
}

/** What a step on one picture gives, from the gradient of its parameters [P]. */
export function stepOutputs(
  { kind, settings }: StepPlan,
  graph: Graph,
  flat: Value,
  own: Value,
  report: (vectors: readonly Value[]) => Value,
): StepGraph['outputs'] {
  const count = flat.shape[0]!
  const gradient = add(own, graph.input('carried', [count]))
  if (kind === 'gradient') return { losses: report([own]), gradient }
  const state = stateInputs(graph, { initial: [count], gradientSum: [count], squareSum: [count] })
  const update = madgrad(flat, gradient, state, graph.input('lambda', []), settings)
  return { losses: report([gradient, update.parameters]), ...nextState({ ...update }) }
}

/** The edit layer of a whole picture, without losses: 'layer' [1, 4, H, W]. */
export function buildLayerGraph(size: Size, shape: GeneratorShape): StepGraph {
  const graph = new Graph()
  const picture = graph.input('picture', [1, 3, size.height, size.width])
  const parameters = splitParameters(graph.input('parameters', [parameterCount(shape)]), shape)
  return { graph, outputs: { layer: generator(picture, parameters, shape) } }
}
