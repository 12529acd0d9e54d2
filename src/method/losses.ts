import type { Value } from '../engine/graph.js'
import {
  add,
  asin,
  clip,
  conv2d,
  div,
  maximum,
  matmul,
  mul,
  normalizeLength,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  reshape,
  sigmoid,
  sqrt,
  square,
  stopGradient,
  sub,
  swapLast,
} from '../engine/ops.js'
import { screenGreen } from '../media/composeOutputs.js'
import { LUMA } from '../media/luma.js'

/** Names of the losses in the order of the paper; 'total' is their weighted sum. */
export const lossNames = [
  'composition',
  'directional',
  'screen',
  'structure',
  'sparsity',
  'bootstrap',
  'colour',
] as const
export type LossName = (typeof lossNames)[number]

export interface Rendering {
  /** [1, 3, H, W]: the edit layer's colour. */
  readonly edit: Value
  /** [1, 1, H, W]: its opacity. */
  readonly alpha: Value
  /** alpha edit + (1 - alpha) photo (paper, Eq. 1). */
  readonly composite: Value
  /** alpha edit + (1 - alpha) green. */
  readonly greenScreen: Value
}

/** Composites an edit layer over the photo and over green. */
export function render(edit: Value, alpha: Value, photo: Value): Rendering {
  const over = (background: Value) => add(background, mul(alpha, sub(edit, background)))
  return { edit, alpha, composite: over(photo), greenScreen: over(edit.graph.constant([...screenGreen], [1, 3, 1, 1])) }
}

/**
 * Composition and screen loss: the mean spherical distance 2 asin(|e - t| / 2)^2 between unit embeddings of views
 * [V, D] and of texts [N, D], the texts weighted by `share` [N] (shares sum to 1).
 */
export function sphericalLoss(views: Value, texts: Value, share: Value): Value {
  const cosine = matmul(normalizeLength(views), swapLast(normalizeLength(texts))) // [V, N]
  // |e - t| / 2 = sqrt((1 - cos) / 2), kept off zero where the root has no slope.
  const halfChord = sqrt(clip(mul(sub(1, cosine), 0.5), 1e-12, 1))
  const distance = mul(square(asin(halfChord)), 2)
  return reduceSum(mul(reduceMean(distance, [0]), share))
}

/**
 * Directional loss: 1 - cos between the change of the picture's embedding [V, D] and of the text's [K, D], weighted by
 * `share` [K].
 */
export function directionalLoss(change: Value, direction: Value, share: Value): Value {
  const dot = matmul(change, swapLast(direction)) // [V, K]
  const lengths = matmul(rowLength(change), swapLast(rowLength(direction)))
  const cosine = div(dot, maximum(lengths, change.graph.constant([1e-8], [1, 1])))
  return reduceSum(mul(sub(1, reduceMean(cosine, [0])), share))
}

/** Lengths [n, 1] of rows [n, d]; kept off zero, where the root has no slope. */
function rowLength(x: Value): Value {
  return sqrt(add(reduceSum(square(x), [1], { keepDims: true }), 1e-20))
}

/** Cosine self-similarity [t, t] of tokens [t, d] (paper, Eq. 5). */
function selfSimilarity(tokens: Value): Value {
  const length = rowLength(tokens)
  const lengths = maximum(matmul(length, swapLast(length)), tokens.graph.constant([1e-8], [1, 1]))
  return div(matmul(tokens, swapLast(tokens)), lengths)
}

/**
 * Structure loss: mean squared difference of the self-similarities of the composite's and the photo's tokens [t, d].
 */
export function structureLoss(composite: Value, photo: Value): Value {
  return reduceMean(square(sub(selfSimilarity(composite), stopGradient(selfSimilarity(photo)))))
}

/**
 * Sparsity loss: lambdaL1 mean(alpha) + lambdaL0 mean(2 sigmoid(5 alpha) - 1) (paper, Eq. 6). `emphasis` [1, 1, H, W],
 * if given, multiplies both penalties place by place.
 */
export function sparsityLoss(alpha: Value, lambdaL1: number, lambdaL0: number, emphasis: Value | null = null): Value {
  const pseudoL0 = sub(mul(sigmoid(mul(alpha, 5)), 2), 1)
  const penalty = add(mul(alpha, lambdaL1), mul(pseudoL0, lambdaL0))
  return reduceMean(emphasis ? mul(penalty, emphasis) : penalty)
}

/** Bootstrap loss: mean squared difference between alpha and a relevancy map in [0, 1] of the same shape. */
export function bootstrapLoss(alpha: Value, relevancy: Value): Value {
  return reduceMean(square(sub(alpha, stopGradient(relevancy))))
}

/** A layer that covers less of the picture is held as if it covered that much. */
const LEAST_COVER = 0.05
/** What shading counts beside hues: with as much as they have, snow gets no whiter than the start made it. */
const SHADING = 0.25

/**
 * Colour loss, not in the paper: how far hues and shading of the composite are from those of `first` [1, 3, H, W], the
 * learned start's layer over the same picture; no gradient to that. The mean, over what that layer covers (`cover`
 * [1, 1, H, W], its opacity), of the squared differences of chroma (each channel less the luma), plus a quarter of the
 * variance of the difference of luma there: how light the object is as a whole, in a crop or a frame, stays free.
 */
export function colourLoss(composite: Value, first: Value, cover: Value): Value {
  const { graph } = composite
  const difference = sub(composite, stopGradient(first))
  const weight = stopGradient(cover)
  const covered = reduceMean(weight)
  const over = (x: Value, least: number) => div(reduceMean(mul(x, weight)), maximum(covered, graph.scalar(least)))

  const ofChroma = LUMA.flatMap((_, channel) => LUMA.map((share, i) => (i === channel ? 1 : 0) - share))
  const chroma = conv2d(difference, graph.constant(ofChroma, [3, 3, 1, 1]))
  const luma = conv2d(difference, graph.constant([...LUMA], [1, 3, 1, 1]))
  const shading = sub(luma, over(luma, 1e-6))
  return add(over(square(chroma), LEAST_COVER), mul(over(square(shading), LEAST_COVER), SHADING))
}

/** A map stretched to [0, 1]; a constant map, which has no range to stretch, gives 0. */
export function stretch(map: Value): Value {
  const low = reduceMin(map)
  const range = sub(reduceMax(map), low)
  return div(sub(map, low), maximum(reshape(range, []), map.graph.scalar(1e-12)))
}
