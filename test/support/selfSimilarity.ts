import type { Value } from '../../src/engine/graph.js'
import { div, matmul, maximum, reduceSum, sqrt, square, transpose } from '../../src/engine/ops.js'

/** Cosine similarities of all tokens [t, d] -> [t, t], as the structure loss compares them; written apart from it. */
export function selfSimilarity(tokens: Value): Value {
  const lengths = sqrt(reduceSum(square(tokens), [1], { keepDims: true }))
  return div(matmul(tokens, transpose(tokens, [1, 0])), maximum(matmul(lengths, transpose(lengths, [1, 0])), 1e-8))
}
