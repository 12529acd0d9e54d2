import { type AdamBetas, adamCorrections, adamMoments } from '../../engine/adam.js'
import { Graph, type Value } from '../../engine/graph.js'
import { gradients } from '../../engine/gradients.js'
import {
  abs,
  add,
  concat,
  div,
  matmul,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  sampleBilinear,
  sqrt,
  sub,
  transpose,
} from '../../engine/ops.js'
import { nextState, stateInputs } from '../../engine/trainedProgram.js'
import { bendingLoss, flowLoss, gradientLoss, reconstructionLoss, rigidityLoss } from './mappingLosses.js'

export const mappingLossNames = ['reconstruction', 'gradient', 'rigidity', 'flow', 'bending'] as const
export type MappingLossName = (typeof mappingLossNames)[number]
export type MappingLossWeights = Readonly<Record<MappingLossName, number>>

export interface MappingStepPlan {
  /** Control points. */
  readonly rows: number
  readonly columns: number
  /** px of the frame. */
  readonly spacing: number
  /** Pixels of the window that is compared. */
  readonly height: number
  readonly width: number
  readonly texture: { readonly height: number; readonly width: number }
  /** Points at which flow is compared. */
  readonly flow: { readonly height: number; readonly width: number }
  /** Points at which rigidity is measured. */
  readonly rigid: { readonly height: number; readonly width: number }
  readonly weights: MappingLossWeights
}

/**
 * Decay of the mean of gradients and of their squares (Adam's own, but for a shorter memory: a frame gets some twenty
 * steps at a time).
 */
const BETAS: AdamBetas = [0.9, 0.98]

/**
 * One step of Adam on the lattice of one layer in one frame: the losses, their gradient and the update as a graph.
 *
 * Inputs: `lattice`, `mean`, `square` [2, rows, columns]; `rate` [2]: the learning rate over each bias correction (px);
 * `target` [3, height, width]: the frame less the other layer's share of it; `share` [1, height, width] of this layer;
 * `perPixel` []; `texture` [3, H, W], `origin` [2, 1, 1], `scale` []; `targets`, `flowWeights` of `flowLoss`;
 * `rigidWeights`, `zoom` of `rigidityLoss`; and spline matrices of the windows: `rows`, `columns`, `flowRows`,
 * `flowColumns`, `rigidRows`, `rigidColumns`, `rigidRowSlopes`, `rigidColumnSlopes`. Outputs: `newLattice`, `newMean`,
 * `newSquare`; `losses` [6] in the order of `mappingLossNames`, unweighted, then the size of the new lattice, where a
 * number that is not finite shows.
 */
export function buildMappingStep(plan: MappingStepPlan): { graph: Graph; outputs: Record<string, Value> } {
  const { rows, columns, height, width, texture, flow, rigid, weights } = plan
  const graph = new Graph()
  const control = [2, rows, columns]
  const lattice = graph.input('lattice', control)
  const axis = (name: string, n: number, count: number) => graph.input(name, [n, count])
  const place = (down: Value, across: Value) => matmul(matmul(down, lattice), transpose(across, [1, 0])) // [2, h, w]

  const position = place(axis('rows', height, rows), axis('columns', width, columns))
  const inTexture = mul(sub(position, graph.input('origin', [2, 1, 1])), graph.input('scale', []))
  const colour = sampleBilinear(graph.input('texture', [3, texture.height, texture.width]), inTexture)
  const residual = sub(mul(graph.input('share', [1, height, width]), colour), graph.input('target', [3, height, width]))
  const perPixel = graph.input('perPixel', [])
  const rigidRows = axis('rigidRows', rigid.height, rows)
  const rigidColumns = axis('rigidColumns', rigid.width, columns)
  const across = place(rigidRows, axis('rigidColumnSlopes', rigid.width, columns))
  const down = place(axis('rigidRowSlopes', rigid.height, rows), rigidColumns)
  const losses: Record<MappingLossName, Value> = {
    reconstruction: reconstructionLoss(residual, perPixel),
    gradient: gradientLoss(residual, perPixel),
    rigidity: rigidityLoss(
      across,
      down,
      graph.input('rigidWeights', [rigid.height, rigid.width]),
      graph.input('zoom', []),
    ),
    flow: flowLoss(
      place(axis('flowRows', flow.height, rows), axis('flowColumns', flow.width, columns)),
      graph.input('targets', [2, 2, flow.height, flow.width]),
      graph.input('flowWeights', [2, 1, flow.height, flow.width]),
    ),
    bending: bendingLoss(lattice, plan.spacing),
  }
  const total = mappingLossNames.map((name) => mul(losses[name], weights[name])).reduce((a, b) => add(a, b))
  const [gradient] = gradients(total, [lattice]) as [Value]

  const { mean, square } = adamMoments(gradient, stateInputs(graph, { mean: control, square: control }), BETAS)
  const rate = graph.input('rate', [2])
  // Where a texture is flat the gradient is noise; half of the denominator is the lattice's own mean, so that such
  // points move little.
  const scale = sqrt(mul(add(square, reduceMean(square)), mul(part(rate, 1), 0.5)))
  const newLattice = sub(lattice, mul(div(mean, add(scale, 1e-12)), part(rate, 0)))
  const report = [...mappingLossNames.map((name) => losses[name]), reduceSum(abs(newLattice))]
  return {
    graph,
    outputs: {
      ...nextState({ lattice: newLattice, mean, square }),
      losses: concat(
        report.map((x) => reshape(x, [1])),
        0,
      ),
    },
  }
}

/**
 * What `rate` is in the k-th step (from 1) of a visit: learning rate over the bias correction of the mean, and 1 over
 * that of the variance.
 */
export function stepRate(learningRate: number, k: number): Float32Array {
  const { mean, square } = adamCorrections(BETAS, k)
  return Float32Array.of(learningRate / mean, 1 / square)
}

function part(x: Value, i: number): Value {
  return x.graph.apply({
    op: 'Gather',
    inputs: [x, x.graph.constant([i], [], 'int64')],
    shape: [],
    attributes: { axis: 0 },
  })
}
