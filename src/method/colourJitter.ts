import type { Value } from '../engine/graph.js'
import {
  add,
  clip,
  div,
  floor,
  matmul,
  maximum,
  minimum,
  mul,
  reduceMax,
  reduceMean,
  reduceMin,
  reshape,
  slice,
  step,
  stopGradient,
  sub,
} from '../engine/ops.js'
import type { JitterDraw } from './viewDraws.js'

/** Rec. 601 luma, in the digits torchvision uses. */
export const TORCHVISION_LUMA = [0.2989, 0.587, 0.114] as const

/** One linear stage of a view's colours: x -> clamp(matrix x + contrast * mean luma of x). */
export interface ColourStage {
  /** 3x3, row-major. */
  readonly matrix: readonly number[]
  readonly contrast: number
}

const IDENTITY: ColourStage = { matrix: [1, 0, 0, 0, 1, 0, 0, 0, 1], contrast: 0 }

/** Stages before and after the hue shift in the exact jitter. */
export const STAGES_EACH_SIDE = 3

/**
 * The stages of one view's jitter around its hue shift, in the drawn order: stages before, turn of the hue, stages
 * after; both lists are filled up with identities, so that views of all orders share one graph.
 */
export function exactStages(draw: JitterDraw | null): { before: ColourStage[]; turn: number; after: ColourStage[] } {
  const fill = (stages: ColourStage[]) => [
    ...stages,
    ...Array.from({ length: STAGES_EACH_SIDE - stages.length }, () => IDENTITY),
  ]
  if (!draw) return { before: fill([]), turn: 0, after: fill([]) }
  const linear = [brightnessStage(draw.brightness), contrastStage(draw.contrast), saturationStage(draw.saturation)]
  const at = draw.order.indexOf(3)
  const stages = (order: readonly number[]) => fill(order.map((k) => linear[k]!))
  return { before: stages(draw.order.slice(0, at)), turn: draw.hue, after: stages(draw.order.slice(at + 1)) }
}

/**
 * The same jitter as a single stage: the hue turns about the grey diagonal instead of in HSV, clamping happens once,
 * and the contrast reads the mean before the other changes. Cheaper by far; colours differ by some hundredths where the
 * hue turns far.
 */
export function composedStage(draw: JitterDraw | null): ColourStage {
  if (!draw) return IDENTITY
  const colour = multiply(hueRotation(draw.hue), saturationStage(draw.saturation).matrix)
  return {
    matrix: colour.map((m) => m * draw.brightness * draw.contrast),
    contrast: (1 - draw.contrast) * draw.brightness,
  }
}

/** The matrix of a grayscale view, or the identity. */
export function grayscaleMatrix(grayscale: boolean): readonly number[] {
  return grayscale ? [...TORCHVISION_LUMA, ...TORCHVISION_LUMA, ...TORCHVISION_LUMA] : IDENTITY.matrix
}

function brightnessStage(factor: number): ColourStage {
  return { matrix: IDENTITY.matrix.map((m) => m * factor), contrast: 0 }
}

function contrastStage(factor: number): ColourStage {
  return { matrix: IDENTITY.matrix.map((m) => m * factor), contrast: 1 - factor }
}

function saturationStage(factor: number): ColourStage {
  return { matrix: IDENTITY.matrix.map((m, i) => m * factor + (1 - factor) * TORCHVISION_LUMA[i % 3]!), contrast: 0 }
}

/**
 * Rotation of the colour cube by `turn` turns about its grey diagonal; of the linear maps the one nearest to a turn in
 * HSV.
 */
function hueRotation(turn: number): number[] {
  const angle = 2 * Math.PI * turn
  const [c, s, k] = [Math.cos(angle), Math.sin(angle) / Math.sqrt(3), (1 - Math.cos(angle)) / 3]
  return [c + k, k - s, k + s, k + s, c + k, k - s, k - s, k + s, c + k]
}

/** Product of two 3x3 matrices, row-major. */
export function multiply(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, i) => {
    const row = Math.floor(i / 3)
    return [0, 1, 2].reduce((sum, k) => sum + a[row * 3 + k]! * b[k * 3 + (i % 3)]!, 0)
  })
}

/** x [V, 3, h, w], matrix [V, 3, 3]: every pixel's colour times its view's matrix. */
export function mixChannels(x: Value, matrix: Value): Value {
  const [v, c, h, w] = x.shape as [number, number, number, number]
  return reshape(matmul(matrix, reshape(x, [v, c, h * w])), [v, c, h, w])
}

/** A linear stage on x [V, 3, h, w]: matrix [V, 3, 3], contrast [V, 1, 1]. */
export function colourStage(x: Value, matrix: Value, contrast: Value): Value {
  const [v] = x.shape as [number]
  const mean = reshape(reduceMean(x, [2, 3]), [v, 3, 1])
  const grey = matmul(x.graph.constant([...TORCHVISION_LUMA], [1, 3]), mean) // [V, 1, 1]
  return clip(add(mixChannels(x, matrix), reshape(mul(grey, contrast), [v, 1, 1, 1])), 0, 1)
}

/**
 * Turns the hue of x [V, 3, h, w] by turn [V, 1, 1, 1] turns in HSV. With high, low the largest and smallest channel
 * and chroma their difference, channel n (5, 3, 1 for R, G, B) is high - chroma * max(0, min(k, 4 - k, 1)), k = (n + 6
 * hue) mod 6.
 */
export function shiftHue(x: Value, turn: Value): Value {
  const [v, , h, w] = x.shape as [number, number, number, number]
  const channel = (k: number) => slice(x, { axes: [1], starts: [k], ends: [k + 1] })
  const [r, g, b] = [channel(0), channel(1), channel(2)]
  const high = reduceMax(x, [1], { keepDims: true })
  const chroma = sub(high, reduceMin(x, [1], { keepDims: true }))
  // A grey pixel has chroma 0: any finite quotient will do, and its gradient vanishes with the differences above it.
  const span = add(chroma, sub(1, step(chroma)))
  const isRed = stopGradient(sub(1, step(sub(high, r))))
  const isGreen = stopGradient(mul(sub(1, isRed), sub(1, step(sub(high, g)))))
  const isBlue = stopGradient(sub(sub(1, isRed), isGreen))
  const difference = add(add(mul(isRed, sub(g, b)), mul(isGreen, sub(b, r))), mul(isBlue, sub(r, g)))
  const sextant = add(div(difference, span), add(mul(isGreen, 2), mul(isBlue, 4))) // [V, 1, h, w] in [-1, 5]
  const position = add(add(sextant, mul(turn, 6)), x.graph.constant([5, 3, 1], [1, 3, 1, 1])) // [V, 3, h, w]
  const k = sub(position, mul(floor(mul(position, 1 / 6)), 6))
  const fall = maximum(
    minimum(minimum(k, sub(4, k)), x.graph.constant([1], [1, 1, 1, 1])),
    x.graph.constant([0], [1, 1, 1, 1]),
  )
  return reshape(sub(high, mul(chroma, fall)), [v, 3, h, w])
}
