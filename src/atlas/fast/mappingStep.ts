import { gradients } from '../../engine/gradients.js'
import { Graph, type Value } from '../../engine/graph.js'
import {
  abs,
  add,
  concat,
  div,
  matmul,
  maximum,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  square,
  sub,
  swapLast,
} from '../../engine/ops.js'
import { nextState } from '../../engine/trainedProgram.js'
import { bendingLoss, flowDistance, rigidityLoss } from './mappingLosses.js'

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
  /** Blocks of pixels that have a curvature. */
  readonly blocks: { readonly height: number; readonly width: number }
  /** Points at which flow is compared. */
  readonly flow: { readonly height: number; readonly width: number }
  /** Points at which rigidity is measured. */
  readonly rigid: { readonly height: number; readonly width: number }
  readonly weights: MappingLossWeights
  /** Rounds of conjugate gradients. */
  readonly rounds: number
}

/**
 * One step of Gauss and Newton on the lattice of one layer in one frame: the move that least squares ask for, solved by
 * conjugate gradients. What colours ask is fed (`colourTerms`); the other losses and their gradient are of the graph.
 *
 * Inputs: `lattice` [2, rows, columns]; `slope` [2, height, width], `curvature` [3, blocks.height, blocks.width];
 * `targets`, `flowWeights` of `flowDistance`; `rigidWeights`, `zoom` of `rigidityLoss`; and spline matrices of the
 * windows: `rows`, `columns`, `blockRows`, `blockColumns`, `flowRows`, `flowColumns`, `rigidRows`, `rigidColumns`,
 * `rigidRowSlopes`, `rigidColumnSlopes`.
 * Outputs: `newLattice`; `losses` [4]: rigidity, flow and bending before the step, unweighted, then the size of the new
 * lattice, where a number that is not finite shows.
 */
export function buildMappingStep(plan: MappingStepPlan): { graph: Graph; outputs: Record<string, Value> } {
  const { rows, columns, height, width, blocks, flow, rigid, weights } = plan
  const graph = new Graph()
  const lattice = graph.input('lattice', [2, rows, columns])
  const surface = (size: { height: number; width: number }, down: string, across: string) =>
    new Surface(graph.input(down, [size.height, rows]), graph.input(across, [size.width, columns]))
  const pixels = surface(plan, 'rows', 'columns')
  const slope = planesOf(graph.input('slope', [2, height, width]))
  const curved = surface(blocks, 'blockRows', 'blockColumns')
  const curvature = planesOf(graph.input('curvature', [3, blocks.height, blocks.width]))
  const across = surface(rigid, 'rigidRows', 'rigidColumnSlopes')
  const down = surface(rigid, 'rigidRowSlopes', 'rigidColumns')
  const rigidWeights = graph.input('rigidWeights', [rigid.height, rigid.width])
  const zoom = graph.input('zoom', [])
  const points = surface(flow, 'flowRows', 'flowColumns')
  const flowWeights = graph.input('flowWeights', [2, 1, flow.height, flow.width])
  const distance = flowDistance(points.places(lattice), graph.input('targets', [2, 2, flow.height, flow.width]))
  const rigidity = rigidityLoss(across.places(lattice), down.places(lattice), rigidWeights, zoom)
  const losses = {
    rigidity: rigidity.loss,
    flow: reduceSum(mul(distance, flowWeights)),
    bending: bendingLoss(lattice, plan.spacing),
  }
  const smooth = (Object.keys(losses) as (keyof typeof losses)[])
    .map((name) => mul(losses[name], weights[name]))
    .reduce((a, b) => add(a, b))
  const gradient = add(gradients(smooth, [lattice])[0]!, pixels.adjoint(slope as [Value, Value]))

  // Of each loss the curvature of squares that lie above it.
  const steep = maximum(mul(square(rigidity.inverse), 0.5), 1)
  const strain = mul(div(mul(rigidWeights, steep), square(zoom)), weights.rigidity * RIGIDITY_CURVATURE)
  const drift = reshape(reduceSum(div(mul(flowWeights, weights.flow), distance), [0]), [flow.height, flow.width])
  const squares: readonly (readonly [Surface, Weights])[] = [
    [curved, { xx: curvature[0]!, xy: curvature[1]!, yy: curvature[2]! }],
    [points, { xx: drift, xy: null, yy: drift }],
    [across, { xx: strain, xy: null, yy: strain }],
    [down, { xx: strain, xy: null, yy: strain }],
  ]
  const bent = (weights.bending * BENDING_DIAGONAL) / (rows * columns * plan.spacing ** 2)
  const own = squares.map(([of, by]) => of.diagonal(by)).reduce((a, b) => add(a, b), graph.scalar(bent))
  const damping = mul(reduceMean(own), DAMPING)
  const product = (x: Value) => {
    const [bend] = gradients(mul(bendingLoss(x, plan.spacing), weights.bending), [x]) as [Value]
    return squares
      .map(([of, by]) => of.adjoint(weighted(by, of.planes(x))))
      .reduce((a, b) => add(a, b), add(bend, mul(x, damping)))
  }
  const newLattice = sub(lattice, conjugateGradients(product, gradient, add(own, damping), plan.rounds))
  const report = [...Object.values(losses), reduceSum(abs(newLattice))]
  return {
    graph,
    outputs: {
      ...nextState({ lattice: newLattice }),
      losses: concat(
        report.map((x) => reshape(x, [1])),
        0,
      ),
    },
  }
}

/**
 * Near a rotation the rigidity is at most half of this times the squared slopes of a move; where the mapping folds, its
 * curvature grows as the square of the inverse.
 */
const RIGIDITY_CURVATURE = 8 * Math.SQRT2

/** Curvature of `bendingLoss` along a control point, times the number of points and their squared spacing. */
const BENDING_DIAGONAL = 40

/** Added to the curvature along each control point, of its mean: where a texture is flat, points move little. */
const DAMPING = 0.02

/** Weights of squared moves at each point of a grid: [h, w], along x, mixed and along y; mixed null: none. */
interface Weights {
  readonly xx: Value
  readonly xy: Value | null
  readonly yy: Value
}

type Planes = readonly [Value, Value]

/** The planes [h, w] of [n, h, w]. */
function planesOf(x: Value): Value[] {
  const [n, h, w] = x.shape as readonly [number, number, number]
  return Array.from({ length: n }, (_, k) => reshape(slice(x, { axes: [0], starts: [k], ends: [k + 1] }), [h, w]))
}

function weighted({ xx, xy, yy }: Weights, [x, y]: Planes): Planes {
  if (xy === null) return [mul(xx, x), mul(yy, y)]
  return [add(mul(xx, x), mul(xy, y)), add(mul(xy, x), mul(yy, y))]
}

/** Values or slopes of lattices at a grid of points, by the spline matrices of its rows [h, R] and columns [w, C]. */
class Surface {
  readonly #down: Value
  readonly #across: Value
  readonly #downTurned: Value
  readonly #acrossTurned: Value

  constructor(down: Value, across: Value) {
    this.#down = down
    this.#across = across
    this.#downTurned = swapLast(down)
    this.#acrossTurned = swapLast(across)
  }

  /** [2, R, C] -> [2, h, w], or of one plane. */
  places(lattice: Value): Value {
    return matmul(this.#down, matmul(lattice, this.#acrossTurned))
  }

  /** [2, R, C] -> two planes [h, w]. */
  planes(lattice: Value): Planes {
    const [x, y] = planesOf(lattice) as [Value, Value]
    return [this.places(x), this.places(y)]
  }

  /** Two planes [h, w] -> [2, R, C]: the transpose of `planes`. */
  adjoint([x, y]: Planes): Value {
    return joined([x, y].map((plane) => matmul(matmul(this.#downTurned, plane), this.#across)))
  }

  /** What `adjoint(weighted(weights, planes(e)))` has at its own place where e is 1 at one control point: [2, R, C]. */
  diagonal({ xx, yy }: Weights): Value {
    const [down, across] = [square(this.#downTurned), square(this.#across)]
    return joined((xx === yy ? [xx] : [xx, yy]).map((plane) => matmul(matmul(down, plane), across)))
  }
}

/** Planes [h, w] as [1 or 2, h, w]. */
function joined(planes: readonly Value[]): Value {
  return concat(
    planes.map((plane) => reshape(plane, [1, ...plane.shape])),
    0,
  )
}

/**
 * Nearly the x with `product(x)` = `right`, after `rounds` rounds from 0 (Hestenes and Stiefel 1952), each direction
 * over `own`, the diagonal of the product's matrix.
 */
function conjugateGradients(product: (x: Value) => Value, right: Value, own: Value, rounds: number): Value {
  const dot = (a: Value, b: Value) => reduceSum(mul(a, b))
  const over = (a: Value, b: Value) => div(a, add(b, 1e-30))
  let rest = right
  let scaled = div(rest, own)
  let direction = scaled
  let length = dot(rest, scaled)
  let x: Value | null = null
  for (let round = 1; ; round++) {
    const image = product(direction)
    const far = over(length, dot(direction, image))
    const part = mul(direction, far)
    x = x ? add(x, part) : part
    if (round === rounds) return x
    rest = sub(rest, mul(image, far))
    scaled = div(rest, own)
    const next = dot(rest, scaled)
    direction = add(scaled, mul(direction, over(next, length)))
    length = next
  }
}
