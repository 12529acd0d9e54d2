import type { Value } from '../../src/engine/graph.js'
import {
  abs,
  add,
  div,
  exp,
  log,
  logSumExp,
  matmul,
  maximum,
  mul,
  neg,
  reduceSum,
  reshape,
  sub,
  transpose,
} from '../../src/engine/ops.js'

/** What an ignored pair's logit is lowered by: beyond any logit, exp of it is 0. */
const FAR = 1e4

export interface Pairing {
  /** [N, N], 1 where text j tells of image i. Each row and column has at least one. */
  readonly positives: Value
  /** [N, N], 1 where text j may or may not tell of image i: such a pair counts neither for nor against. */
  readonly ignored: Value
  /** [N], the share of each image and its text in the loss; they sum to 1. */
  readonly weights: Value
}

/**
 * Symmetric contrastive loss with several positives (Radford et al. 2021; Khosla et al. 2020, L_out): the mean over an
 * image's texts of -log softmax of their logits among all texts, and likewise of a text's images; half of each.
 * `images`, `texts` [N, D] have length 1, `scale` is the inverse temperature.
 */
export function contrastiveLoss(
  images: Value,
  texts: Value,
  { positives, ignored, weights }: Pairing,
  scale: Value,
): Value {
  const logits = sub(mul(matmul(images, transpose(texts, [1, 0])), scale), mul(ignored, FAR)) // [N, N]
  const towards = (rows: Value, mask: Value): Value => {
    const wanted = div(reduceSum(mul(rows, mask), [1]), reduceSum(mask, [1]))
    return reduceSum(mul(sub(logSumExp(rows), wanted), weights))
  }
  return mul(add(towards(logits, positives), towards(transpose(logits, [1, 0]), transpose(positives, [1, 0]))), 0.5)
}

/**
 * Of the regions of one scene, each is to be told by its own text more than by the others' texts, and each text is to
 * tell of its own region more than of the others: the mean of log(1 + exp(other - own)) over both, of logits as above.
 * `rivals` [N, N], non-negative, sums to 1 over the pairs of an image i and the text j of another region in its scene;
 * images and texts [N, D] have length 1.
 */
export function rivalLoss(images: Value, texts: Value, rivals: Value, scale: Value): Value {
  const N = images.shape[0]!
  const logits = mul(matmul(images, transpose(texts, [1, 0])), scale) // [N, N]
  const own = mul(reduceSum(mul(images, texts), [1]), scale) // [N]
  const towardsTexts = reduceSum(mul(softplus(sub(logits, reshape(own, [N, 1]))), rivals))
  const towardsImages = reduceSum(mul(softplus(sub(logits, reshape(own, [1, N]))), rivals))
  return mul(add(towardsTexts, towardsImages), 0.5)
}

/** log(1 + exp(x)), without overflow. */
function softplus(x: Value): Value {
  return add(maximum(x, 0), log(add(exp(neg(abs(x))), 1)))
}

/** Sum of squares over all parts: the squared length of the whole gradient. */
export function squaredNorm(parts: readonly Value[]): Value {
  return parts.map((part) => reshape(reduceSum(mul(part, part)), [])).reduce(add)
}
