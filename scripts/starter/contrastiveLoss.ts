import type { Value } from '../../src/engine/graph.js'
import { abs, add, div, exp, log, logSumExp, matmul, maximum, mul, neg, reduceSum, reshape, sub, transpose } from '../../src/engine/ops.js'

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
 * Symmetric contrastive loss with several positives (Radford et al. 2021; Khosla et al. 2020, L_out): the mean over an image's texts of -log softmax of their
 * logits among all texts, and likewise of a text's images; half of each. `images`, `texts` [N, D] have length 1, `scale` is the inverse temperature.
 */
export function contrastiveLoss(images: Value, texts: Value, { positives, ignored, weights }: Pairing, scale: Value): Value {
  const logits = sub(mul(matmul(images, transpose(texts, [1, 0])), scale), mul(ignored, FAR)) // [N, N]
  const towards = (rows: Value, mask: Value): Value => {
    const wanted = div(reduceSum(mul(rows, mask), [1]), reduceSum(mask, [1]))
    return reduceSum(mul(sub(logSumExp(rows), wanted), weights))
  }
  return mul(add(towards(logits, positives), towards(transpose(logits, [1, 0]), transpose(positives, [1, 0]))), 0.5)
}

export interface CellWeights {
  /** [C, T], non-negative, summing to 1 over the pairs where text t tells of what stands in cell c. */
  readonly positive: Value
  /** [C, T], the same over the pairs where it does not. */
  readonly negative: Value
}

/**
 * Does text t tell of cell c? Logistic loss on `slope * answer + offset`, where the answers cells [C, D] x texts [T, D] are the very numbers that relevancy shows:
 * the background is to answer less than the object, everywhere by the same measure.
 */
export function cellLoss(cells: Value, texts: Value, { positive, negative }: CellWeights, slope: Value, offset: Value): Value {
  const z = add(mul(matmul(cells, transpose(texts, [1, 0])), slope), offset) // [C, T]
  return add(reduceSum(mul(softplus(neg(z)), positive)), reduceSum(mul(softplus(z), negative)))
}

/** log(1 + exp(x)), without overflow. */
function softplus(x: Value): Value {
  return add(maximum(x, 0), log(add(exp(neg(abs(x))), 1)))
}

/** Sum of squares over all parts: the squared length of the whole gradient. */
export function squaredNorm(parts: readonly Value[]): Value {
  return parts.map(part => reshape(reduceSum(mul(part, part)), [])).reduce(add)
}
