import { gradients } from '../../engine/gradients.js'
import { Graph } from '../../engine/graph.js'
import { add, concat, gridSample, mul, slice, sub } from '../../engine/ops.js'
import { nextState, stateInputs } from '../../engine/trainedProgram.js'
import { screenGreen } from '../../media/composeOutputs.js'
import {
  type GeneratorShape,
  generator,
  joinGradients,
  parameterCount,
  splitParameters,
} from '../../models/generator.js'
import type { GuidanceModel } from '../../models/guidance.js'
import { render } from '../losses.js'
import { type MadgradOptions, madgrad, vectorNorm } from '../madgrad.js'
import { type LossPlan, type Pictures, lossReport, pictureLosses, weightedTotal } from '../pictureLosses.js'
import type { StepGraph } from '../stepGraph.js'
import type { Size } from '../viewDraws.js'

/** What decides the graph that judges the edit of an atlas crop in one frame. */
export interface MappedPlan extends LossPlan {
  /** Size of the atlas crop; `size` is that of the frame crop. */
  readonly atlas: Size
  /** The edit is bounded by a mask of the atlas crop's size. */
  readonly masked: boolean
  /**
   * The edit is held to the colours of the layer that the learned start makes, the input 'first' [1, 4, h, w], as the
   * frame shows it, with the mask.
   */
  readonly held?: boolean
  /**
   * How the frame is made of the sampled atlas. 'plain': as it is (background). 'black': times the foreground's opacity
   * (published code); 'frame': over the original frame, through the opacity (layered neural atlases, Eq. 15, 16).
   */
  readonly ground: 'plain' | 'black' | 'frame'
}

/**
 * The losses of one frame of a step (supplement 3.1): the edit layer of the atlas crop, input 'layer'
 * [1, 4, H, W], is rendered over the atlas crop, sampled where the frame's pixels lie ('grid' [1, h, w, 2]) and
 * compared. Outputs: 'losses', and 'layerGradient' [1, 4, H, W], the gradient with respect to the layer added to the
 * input 'carriedLayer'.
 */
export function buildMappedGraph(plan: MappedPlan, guidance: readonly GuidanceModel[]): StepGraph {
  const { size, atlas } = plan
  const graph = new Graph()
  const layer = graph.input('layer', [1, 4, atlas.height, atlas.width])
  const pictures = mappedPictures(plan, graph, layer)
  const { values, total } = weightedTotal(graph, pictureLosses({ ...plan, size }, guidance, graph, pictures))
  const [own] = gradients(total, [layer])
  const carried = graph.input('carriedLayer', [1, 4, atlas.height, atlas.width])
  return { graph, outputs: { losses: lossReport(values, total, [own!]), layerGradient: add(own!, carried) } }
}

function mappedPictures(
  { size, atlas, masked, ground, held = false }: MappedPlan,
  graph: Graph,
  layer: ReturnType<Graph['input']>,
): Pictures {
  const plane = (name: string, channels: number, { height, width }: Size) =>
    graph.input(name, [1, channels, height, width])
  const grid = graph.input('grid', [1, size.height, size.width, 2])
  const channels = (x: typeof layer, from: number, to: number) => slice(x, { axes: [1], starts: [from], ends: [to] })
  const colour = channels(layer, 0, 3)
  const alpha = masked ? mul(channels(layer, 3, 4), plane('mask', 1, atlas)) : channels(layer, 3, 4)
  const first = held ? plane('first', 4, size) : null
  /** The start's layer over a picture, through an opacity. */
  const firstOver = (under: typeof layer, through: typeof layer | null) => {
    if (first === null) return null
    const own = channels(first, 3, 4)
    return render(channels(first, 0, 3), through ? mul(own, through) : own, under)
  }
  if (ground === 'frame') {
    const sampled = gridSample(concat([colour, alpha], 1), grid)
    const frame = plane('frame', 3, size)
    const opacity = plane('opacity', 1, size)
    const seen = mul(channels(sampled, 3, 4), opacity)
    const { composite, greenScreen } = render(channels(sampled, 0, 3), seen, frame)
    return { picture: frame, composite, greenScreen, alpha: seen, first: firstOver(frame, opacity) }
  }
  // As published, rendered on the atlas and then sampled.
  const crop = plane('picture', 3, atlas)
  const rendered = render(colour, alpha, crop)
  const sampled = gridSample(concat([rendered.composite, rendered.greenScreen, alpha], 1), grid)
  const [composite, greenScreen, seen] = [channels(sampled, 0, 3), channels(sampled, 3, 6), channels(sampled, 6, 7)]
  const picture = gridSample(crop, grid)
  const over = firstOver(picture, null)
  if (ground === 'plain') return { picture, composite, greenScreen, alpha: seen, first: over }
  const opacity = plane('opacity', 1, size)
  const green = graph.constant([...screenGreen], [1, 3, 1, 1])
  return {
    picture,
    composite: mul(composite, opacity),
    greenScreen: add(mul(greenScreen, opacity), mul(sub(1, opacity), green)),
    alpha: mul(seen, opacity),
    first: over && { composite: mul(over.composite, opacity), alpha: mul(over.alpha, opacity) },
  }
}

/**
 * The backward pass of the generator alone, its forward pass computed again: from 'picture' and the gradient with
 * respect to its layer ('cotangent' [1, 4, H, W]) the output 'gradient' of the parameters, added to the input
 * 'carried'.
 */
export function buildBackwardGraph({ height, width }: Size, shape: GeneratorShape): StepGraph {
  const graph = new Graph()
  const count = parameterCount(shape)
  const parameters = splitParameters(graph.input('parameters', [count]), shape)
  const layer = generator(graph.input('picture', [1, 3, height, width]), parameters, shape)
  const own = joinGradients(gradients(layer, [...parameters.values()], graph.input('cotangent', [1, 4, height, width])))
  return { graph, outputs: { gradient: add(own, graph.input('carried', [count])) } }
}

/** MADGRAD alone: 'gradient' in, the new state and 'lengths' (of the gradient and of the new parameters) out. */
export function buildUpdateGraph(shape: GeneratorShape, options: MadgradOptions): StepGraph {
  const graph = new Graph()
  const count = parameterCount(shape)
  const gradient = graph.input('gradient', [count])
  const { parameters, ...state } = stateInputs(graph, {
    initial: [count],
    gradientSum: [count],
    squareSum: [count],
    parameters: [count],
  })
  const update = madgrad(parameters, gradient, state, graph.input('lambda', []), options)
  return {
    graph,
    outputs: { ...nextState({ ...update }), lengths: add(vectorNorm(gradient), vectorNorm(update.parameters)) },
  }
}
