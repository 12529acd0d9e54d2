import type { Graph, Value } from '../engine/graph.js'
import { resampleSeparable, warp } from '../engine/ops.js'
import { resampleTaps } from '../media/resampleTaps.js'
import {
  type ColourStage,
  STAGES_EACH_SIDE,
  colourStage,
  composedStage,
  exactStages,
  grayscaleMatrix,
  mixChannels,
  multiply,
  shiftHue,
} from './colourJitter.js'
import type { Size, ViewDraw } from './viewDraws.js'

/** What is fixed about a set of views: one graph serves all draws of the same plan. */
export interface ViewPlan {
  readonly count: number
  /** Size of the picture the views are taken from. */
  readonly source: Size
  /** Size of every view. */
  readonly view: Size
  /**
   * 'sequential': affine and perspective resample in turn and the colour stages keep their drawn order, as published;
   * 'composed': one warp, one stage.
   */
  readonly sampling: 'sequential' | 'composed'
  /** Value outside the picture. */
  readonly fill: number
  /** Smooth before shrinking. */
  readonly antialias: boolean
}

/** What of a view's plan does not depend on the size of the picture. */
export type LookPlan = Pick<ViewPlan, 'count' | 'sampling' | 'fill'>

/** The graph inputs that cut one set of views out of a picture. */
export interface CropInputs {
  readonly rows: Value
  readonly columns: Value
}

/** The graph inputs that carry what else was drawn for a set of views. */
export interface LookInputs {
  readonly warps: readonly Value[]
  readonly matrices: readonly Value[]
  readonly contrasts: readonly Value[]
  readonly turn: Value | null
  readonly grayscale: Value
}

/** Declares the inputs of `cropViews` under `name`. */
export function cropInputs(graph: Graph, name: string, { count, source, view }: ViewPlan): CropInputs {
  return {
    rows: graph.input(`${name}.rows`, [count, view.height, source.height]),
    columns: graph.input(`${name}.columns`, [count, view.width, source.width]),
  }
}

/** Declares the inputs of `lookAt` under `name`. */
export function lookInputs(graph: Graph, name: string, { count, sampling }: LookPlan): LookInputs {
  const exact = sampling === 'sequential'
  const stages = exact ? 2 * STAGES_EACH_SIDE : 1
  const many = (part: string, n: number, shape: readonly number[]) =>
    Array.from({ length: n }, (_, i) => graph.input(`${name}.${part}${i}`, shape))
  return {
    warps: many('warp', exact ? 2 : 1, [count, 3, 3]),
    matrices: many('matrix', stages, [count, 3, 3]),
    contrasts: many('contrast', stages, [count, 1, 1]),
    turn: exact ? graph.input(`${name}.turn`, [count, 1, 1, 1]) : null,
    grayscale: graph.input(`${name}.grayscale`, [count, 3, 3]),
  }
}

/** The crops [V, 3, h, w] of a picture [1, 3, H, W], resized and flipped: how the views begin. */
export function cropViews(picture: Value, { rows, columns }: CropInputs): Value {
  return resampleSeparable(picture, rows, columns)
}

/** The views [V, 3, h, w] that crops become: affine, perspective, jitter, grayscale. */
export function lookAt(crops: Value, inputs: LookInputs, { fill }: LookPlan): Value {
  const warped = inputs.warps.reduce((x, inverse) => warp(x, inverse, fill), crops)
  const stage = (x: Value, i: number) => colourStage(x, inputs.matrices[i]!, inputs.contrasts[i]!)
  let coloured = warped
  const before = inputs.turn ? STAGES_EACH_SIDE : inputs.matrices.length
  for (let i = 0; i < before; i++) coloured = stage(coloured, i)
  if (inputs.turn) coloured = shiftHue(coloured, inputs.turn)
  for (let i = before; i < inputs.matrices.length; i++) coloured = stage(coloured, i)
  return mixChannels(coloured, inputs.grayscale)
}

/** The views [V, 3, h, w] of a picture [1, 3, H, W], under the draws that are fed as `name`. */
export function clipViews(graph: Graph, name: string, plan: ViewPlan): (picture: Value) => Value {
  const [crop, look] = [cropInputs(graph, name, plan), lookInputs(graph, name, plan)]
  return (picture) => lookAt(cropViews(picture, crop), look, plan)
}

/** The values of the inputs of `clipViews` for these draws. */
export function viewFeed(
  name: string,
  draws: readonly ViewDraw[],
  plan: ViewPlan,
): Readonly<Record<string, Float32Array>> {
  const { source, view } = plan
  const exact = plan.sampling === 'sequential'
  const feed: Record<string, Float32Array> = {}
  const put = (part: string, values: readonly number[] | Float32Array) => {
    feed[`${name}.${part}`] = values instanceof Float32Array ? values : Float32Array.from(values)
  }
  const rows = new Float32Array(draws.length * view.height * source.height)
  const columns = new Float32Array(draws.length * view.width * source.width)
  draws.forEach((draw, v) => {
    const crop = draw.crop ?? { top: 0, left: 0, height: source.height, width: source.width }
    fillResampling(
      rows.subarray(v * view.height * source.height),
      source.height,
      crop.top,
      crop.height,
      view.height,
      false,
      plan.antialias,
    )
    fillResampling(
      columns.subarray(v * view.width * source.width),
      source.width,
      crop.left,
      crop.width,
      view.width,
      draw.flip,
      plan.antialias,
    )
  })
  put('rows', rows)
  put('columns', columns)

  const affine = draws.map((draw) => affineInverse(draw, view))
  const perspective = draws.map(perspectiveInverse)
  const warps = exact ? [affine, perspective] : [affine.map((a, v) => multiply(a, perspective[v]!))]
  warps.forEach((list, i) => put(`warp${i}`, list.flat()))

  const stages = draws.map((draw): ColourStage[] => {
    if (!exact) return [composedStage(draw.jitter)]
    const { before, after } = exactStages(draw.jitter)
    return [...before, ...after]
  })
  stages[0]!.forEach((_, i) => {
    put(
      `matrix${i}`,
      stages.flatMap((list) => list[i]!.matrix),
    )
    put(
      `contrast${i}`,
      stages.map((list) => list[i]!.contrast),
    )
  })
  if (exact)
    put(
      'turn',
      draws.map((draw) => draw.jitter?.hue ?? 0),
    )
  put(
    'grayscale',
    draws.flatMap((draw) => grayscaleMatrix(draw.grayscale)),
  )
  return feed
}

/** A picture [1, C, H, W] stretched to `size` by constant matrices; bilinear, half-pixel centres. */
export function resizePicture(picture: Value, size: Size, antialias: boolean): Value {
  const graph = picture.graph
  const [, , height, width] = picture.shape as [number, number, number, number]
  const matrix = (from: number, to: number) => {
    const data = new Float32Array(to * from)
    fillResampling(data, from, 0, from, to, false, antialias)
    return graph.constant(data, [1, to, from])
  }
  return resampleSeparable(picture, matrix(height, size.height), matrix(width, size.width))
}

/** Writes the [to, length] matrix that resamples `extent` pixels from `start` to `to` pixels, mirrored if `flip`. */
function fillResampling(
  out: Float32Array,
  length: number,
  start: number,
  extent: number,
  to: number,
  flip: boolean,
  antialias: boolean,
): void {
  const taps = resampleTaps(extent, to, 'bilinear', antialias)
  for (let i = 0; i < to; i++) {
    const row = (flip ? to - 1 - i : i) * length + start
    for (let k = 0; k < taps.count[i]!; k++) out[row + taps.start[i]! + k]! += taps.weight[i * taps.taps + k]!
  }
}

/** Sends a pixel of the view back through the shift and the rotation about the view's centre. */
function affineInverse(draw: ViewDraw, { height, width }: Size): number[] {
  if (!draw.affine) return [1, 0, 0, 0, 1, 0, 0, 0, 1]
  const angle = (draw.affine.angle * Math.PI) / 180
  const [c, s] = [Math.cos(angle), Math.sin(angle)]
  const [dx, dy] = [width / 2 + draw.affine.translate[0], height / 2 + draw.affine.translate[1]]
  return [c, s, width / 2 - c * dx - s * dy, -s, c, height / 2 + s * dx - c * dy, 0, 0, 1]
}

/** The homography that sends `endpoints` to `startpoints`: four points fix its eight coefficients. */
function perspectiveInverse(draw: ViewDraw): number[] {
  if (!draw.perspective) return [1, 0, 0, 0, 1, 0, 0, 0, 1]
  const { startpoints, endpoints } = draw.perspective
  const system = endpoints.flatMap(([x, y], i) => {
    const [u, v] = startpoints[i]!
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y, u],
      [0, 0, 0, x, y, 1, -v * x, -v * y, v],
    ]
  })
  return [...solve(system), 1]
}

/** Gauss-Jordan elimination with pivoting of the augmented rows [A | b]. */
function solve(rows: number[][]): number[] {
  const n = rows.length
  for (let i = 0; i < n; i++) {
    const pivot = rows
      .slice(i)
      .reduce((best, row, k) => (Math.abs(row[i]!) > Math.abs(rows[best]![i]!) ? i + k : best), i)
    const held = rows[i]!
    rows[i] = rows[pivot]!
    rows[pivot] = held
    const lead = rows[i]!
    for (let j = 0; j < n; j++) {
      if (j === i) continue
      const factor = rows[j]![i]! / lead[i]!
      for (let k = i; k <= n; k++) rows[j]![k]! -= factor * lead[k]!
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!)
}
