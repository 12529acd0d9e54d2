import type { Value } from '../engine/graph.js'
import {
  add,
  gelu,
  gemm,
  matmul,
  normalizeRows,
  reshape,
  silu,
  slice,
  softmax,
  swapLast,
  transpose,
} from '../engine/ops.js'
import { quantizedLinear } from '../engine/ops/quantized.js'
import type { ClipActivation } from './clipConfig.js'
import type { WeightInputs } from './guidance.js'

/**
 * What a stack of pre-norm blocks is made of. The residual stream is one matrix [V * t, d], the tokens of V items below
 * each other.
 */
export interface TransformerShape {
  /** V */
  readonly items: number
  /** t */
  readonly tokens: number
  readonly heads: number
  readonly eps: number
  readonly activation: ClipActivation
  /** Added to the attention scores [V, H, t, t]; for the text tower's causal mask. */
  readonly mask?: Value
}

export interface AttentionResult {
  /** [V * n, d], the heads side by side, before the output projection. */
  readonly mixed: Value
  /** Attention probabilities [V, H, n, t]. */
  readonly probabilities: Value
}

/**
 * Attention and MLP, each on the normalised stream, each added to it. Weights are folded (`foldBlocks`): x [V * t, d]
 * -> [V * t, d].
 */
export function transformerBlock(x: Value, block: number, shape: TransformerShape, w: WeightInputs): Value {
  const h = normalizeRows(x, shape.eps, { centredCotangent: true })
  const { mixed } = attention(h, h, block, shape, w)
  return feedForward(add(x, linear(mixed, `blocks.${block}.out`, w)), block, shape, w)
}

/**
 * The block for the first token of each item alone: [V * t, d] -> [V, d], and the attention it paid. The other rows
 * would not be read.
 */
export function firstTokenBlock(
  x: Value,
  block: number,
  shape: TransformerShape,
  w: WeightInputs,
): AttentionResult & { readonly out: Value } {
  const h = normalizeRows(x, shape.eps, { centredCotangent: true })
  const result = attention(firstTokens(h, shape), h, block, shape, w)
  const out = feedForward(add(firstTokens(x, shape), linear(result.mixed, `blocks.${block}.out`, w)), block, shape, w)
  return { ...result, out }
}

/** softmax(Q K^T) V over H heads, n queries per item: queries [V * n, d], context [V * t, d]. */
function attention(
  queries: Value,
  context: Value,
  block: number,
  shape: TransformerShape,
  w: WeightInputs,
): AttentionResult {
  const { items: V, tokens: t, heads: H, mask } = shape
  const d = context.shape[1]!
  const n = queries.shape[0]! / V
  const q = transpose(reshape(linear(queries, `blocks.${block}.query`, w), [V, n, H, d / H]), [0, 2, 1, 3]) // [V, H, n, d/H]
  const k = transpose(reshape(linear(context, `blocks.${block}.key`, w), [V, t, H, d / H]), [0, 2, 1, 3]) // [V, H, t, d/H]
  const v = transpose(reshape(linear(context, `blocks.${block}.value`, w), [V, t, H, d / H]), [0, 2, 1, 3]) // [V, H, t, d/H]
  const scores = matmul(q, swapLast(k)) // [V, H, n, t]
  const probabilities = softmax(mask ? add(scores, mask) : scores)
  const mixed = reshape(transpose(matmul(probabilities, v), [0, 2, 1, 3]), [V * n, d])
  return { mixed, probabilities }
}

/** x + fc2(act(fc1(norm(x)))). With quick GELU, fc1 and fc2 carry the 1.702, so that the activation is x sigmoid(x). */
function feedForward(x: Value, block: number, { eps, activation }: TransformerShape, w: WeightInputs): Value {
  const hidden = linear(normalizeRows(x, eps, { centredCotangent: true }), `blocks.${block}.fc1`, w)
  return add(x, linear(activation === 'quick_gelu' ? silu(hidden) : gelu(hidden), `blocks.${block}.fc2`, w))
}

/** x W^T + b for x [n, in] and W [out, in], or the codes and scales of W (`quantizeBlock`). */
export function linear(x: Value, name: string, w: WeightInputs): Value {
  const [weight, bias] = [w(`${name}.weight`), w(`${name}.bias`)]
  return weight.dtype === 'int8'
    ? quantizedLinear(x, weight, w(`${name}.scales`), bias)
    : gemm(x, weight, bias, { transB: true })
}

function firstTokens(x: Value, { items: V, tokens: t }: TransformerShape): Value {
  const d = x.shape[1]!
  return reshape(slice(reshape(x, [V, t, d]), { axes: [1], starts: [0], ends: [1] }), [V, d])
}
