import { gradients } from '../../engine/gradients.js'
import { Graph, type Value, sizeOf } from '../../engine/graph.js'
import { add, concat, mul, reduceMean, reduceSum, reshape, slice, sqrt, square, sub } from '../../engine/ops.js'
import { adamUpdate } from '../../engine/adam.js'
import { nextState, stateInputs } from '../../engine/trainedProgram.js'
import { type NetworkName, type NetworkShapes, networkNames, weightCount } from './atlasNetworks.js'
import { type ImlpShape, imlp, imlpParameters } from './imlp.js'
import {
  type NeuralLossName,
  bootstrapLoss,
  flowLoss,
  flowOpacityLoss,
  meanSquaredLength,
  neuralLossNames,
  rigidityLoss,
} from './neuralLosses.js'
import type { NeuralSettings } from './neuralSettings.js'

export interface StepGraph {
  readonly graph: Graph
  readonly outputs: Readonly<Record<string, Value>>
}

/**
 * Groups of `batch` points each that a step looks at, in the order of its input `points`; a step without global
 * rigidity leaves out the last two.
 */
export const pointGroups = [
  'base',
  'right',
  'below',
  'forward',
  'backward',
  'above',
  'left',
  'farAbove',
  'farLeft',
] as const
export type PointGroup = (typeof pointGroups)[number]

/**
 * One step of the fit. Inputs: `points` [groups * batch, 3]; per pixel of the batch `colour`, `colourRight`,
 * `colourBelow` (differences to the neighbours) [n, 3], `mask`, `forwardShare`, `backwardShare` (see `flowLoss`) [n];
 * `weights` of the losses; the state and Adam's rates. Outputs: the new state and `losses`, unweighted, then their
 * weighted sum and the length of the gradient.
 */
export function buildFitStep(settings: NeuralSettings, longerSide: number, globalRigidity: boolean): StepGraph {
  const { shapes, batch: n, uvScale } = settings
  const graph = new Graph()
  const state = networkInputs(graph, shapes)
  const groups = pointGroups.length - (globalRigidity ? 0 : 2)
  const points = graph.input('points', [groups * n, 3])
  const of = (x: Value, group: PointGroup, count = 1) => {
    const from = pointGroups.indexOf(group) * n
    return slice(x, { axes: [0], starts: [from], ends: [from + count * n] })
  }
  const run = (name: NetworkName, x: Value) => imlp(x, state.networks[name], shapes[name])

  const uv = { foreground: run('foreground', points), background: run('background', points) }
  const opacities = reshape(add(mul(add(run('opacity', of(points, 'base', 5)), 1), 0.5 * 0.99), 0.001), [5 * n]) // base to backward
  // Base, right and below: the foreground's colours in [0, 1]^2, then the background's in [-1, 0]^2.
  const places = concat(
    [add(mul(of(uv.foreground, 'base', 3), 0.5), 0.5), sub(mul(of(uv.background, 'base', 3), 0.5), 0.5)],
    0,
  )
  const colours = mul(add(run('atlas', places), 1), 0.5) // [6 n, 3]
  const covering = slice(colours, { axes: [0], starts: [0], ends: [3 * n] })
  const covered = slice(colours, { axes: [0], starts: [3 * n], ends: [6 * n] })
  const alpha = reshape(of(opacities, 'base', 3), [3 * n, 1])
  const rebuilt = add(mul(covering, alpha), mul(covered, sub(1, alpha)))

  const [forwardShare, backwardShare] = [graph.input('forwardShare', [n]), graph.input('backwardShare', [n])]
  const colour = graph.input('colour', [n, 3])
  const here = of(rebuilt, 'base')
  const opacity = of(opacities, 'base')
  const losses: Record<NeuralLossName, Value> = {
    reconstruction: meanSquaredLength(sub(here, colour)),
    gradient: add(
      meanSquaredLength(sub(graph.input('colourRight', [n, 3]), sub(of(rebuilt, 'right'), here))),
      meanSquaredLength(sub(graph.input('colourBelow', [n, 3]), sub(of(rebuilt, 'below'), here))),
    ),
    ...layerLosses(),
    flowOpacity: add(
      flowOpacityLoss(opacity, of(opacities, 'forward'), forwardShare),
      flowOpacityLoss(opacity, of(opacities, 'backward'), backwardShare),
    ),
    bootstrap: bootstrapLoss(opacity, graph.input('mask', [n])),
    sparsity: meanSquaredLength(mul(of(covering, 'base'), sub(1, of(alpha, 'base')))),
  }
  const vector = concat(
    neuralLossNames.map((name) => reshape(losses[name], [1])),
    0,
  )
  const total = reduceSum(mul(vector, graph.input('weights', [neuralLossNames.length])))
  return { graph, outputs: update(state, total, vector) }

  function layerLosses() {
    const flow = (layer: 'foreground' | 'background', weight: Value) =>
      mul(
        add(
          flowLoss(of(uv[layer], 'base'), of(uv[layer], 'forward'), weight, forwardShare),
          flowLoss(of(uv[layer], 'base'), of(uv[layer], 'backward'), weight, backwardShare),
        ),
        longerSide / (2 * uvScale),
      )
    const rigidity = (layer: 'foreground' | 'background', left: PointGroup, above: PointGroup, distance: number) => {
      const change = (from: PointGroup) =>
        mul(sub(of(uv[layer], 'base'), of(uv[layer], from)), longerSide / (2 * uvScale * distance))
      return rigidityLoss(change(left), change(above))
    }
    const near = settings.rigidityStep
    const far = settings.globalRigidityStep
    const none = graph.scalar(0)
    return {
      rigidityForeground: rigidity('foreground', 'left', 'above', near),
      rigidityBackground: rigidity('background', 'left', 'above', near),
      globalRigidityForeground: globalRigidity ? rigidity('foreground', 'farLeft', 'farAbove', far) : none,
      globalRigidityBackground: globalRigidity ? rigidity('background', 'farLeft', 'farAbove', far) : none,
      flowForeground: flow('foreground', opacity),
      flowBackground: flow('background', sub(1, opacity)),
    }
  }
}

/**
 * One step of the pretraining (appendix A): each mapping at `batch` pixels of one frame, `foreground` and `background`
 * [n, 3], against the plain grid: mean |s (x, y) - M(x, y, t)|. `losses` has one entry per mapping.
 */
export function buildPretrainingStep({ shapes, batch: n, uvScale }: NeuralSettings): StepGraph {
  const graph = new Graph()
  const state = networkInputs(graph, shapes)
  const losses = (['foreground', 'background'] as const).map((name) => {
    const points = graph.input(name, [n, 3])
    const grid = mul(slice(points, { axes: [1], starts: [0], ends: [2] }), uvScale)
    const difference = sub(grid, imlp(points, state.networks[name], shapes[name]))
    return reduceMean(sqrt(add(reduceSum(square(difference), [1]), 1e-24)))
  })
  const vector = concat(
    losses.map((loss) => reshape(loss, [1])),
    0,
  )
  return { graph, outputs: update(state, reduceSum(vector), vector) }
}

interface NetworkInputs {
  readonly graph: Graph
  readonly parameters: Value
  readonly networks: Readonly<Record<NetworkName, ReadonlyMap<string, Value>>>
}

/** The flat parameters and their parts. */
function networkInputs(graph: Graph, shapes: NetworkShapes): NetworkInputs {
  const parameters = graph.input('parameters', [networkNames.reduce((sum, name) => sum + weightCount(shapes[name]), 0)])
  let offset = 0
  const part = (shape: ImlpShape) =>
    new Map(
      imlpParameters(shape).map((parameter) => {
        const values = slice(parameters, { axes: [0], starts: [offset], ends: [(offset += sizeOf(parameter.shape))] })
        return [parameter.name, reshape(values, parameter.shape)] as const
      }),
    )
  const networks = Object.fromEntries(networkNames.map((name) => [name, part(shapes[name])])) as Record<
    NetworkName,
    Map<string, Value>
  >
  return { graph, parameters, networks }
}

function update({ graph, parameters, networks }: NetworkInputs, total: Value, losses: Value): Record<string, Value> {
  const parts = networkNames.flatMap((name) => [...networks[name].values()])
  const gradient = concat(
    gradients(total, parts).map((part) => reshape(part, [-1])),
    0,
  )
  const moments = stateInputs(graph, { mean: parameters.shape, square: parameters.shape })
  const next = adamUpdate(parameters, gradient, moments, {
    stepSize: graph.input('stepSize', []),
    correction: graph.input('correction', []),
  })
  const length = sqrt(reduceSum(square(gradient)))
  return { ...nextState({ ...next }), losses: concat([losses, reshape(total, [1]), reshape(length, [1])], 0) }
}
