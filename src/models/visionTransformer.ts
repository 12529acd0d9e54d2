import type { Value } from '../engine/graph.js'
import { gradients } from '../engine/gradients.js'
import {
  add,
  concat,
  expand,
  layerNorm,
  matmul,
  mul,
  normalizeLength,
  normalizeRows,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  slice,
  transpose,
} from '../engine/ops.js'
import { Text2LiveError } from '../errors.js'
import type { ClipVisionConfig } from './clipConfig.js'
import type { WeightInputs } from './guidance.js'
import { positionInterpolation } from './positionEmbedding.js'
import type { PositionMode } from './positionEmbedding.js'
import { firstTokenBlock, linear, transformerBlock } from './transformerBlock.js'
import type { AttentionResult, TransformerShape } from './transformerBlock.js'

/** Views [V, 3, h, w] in [0,1] -> embeddings [V, D], not normalised. */
export function embedViews(views: Value, config: ClipVisionConfig, positions: PositionMode, w: WeightInputs): Value {
  return classToken(views, config, positions, w).embedding
}

/** The tokens that enter the last block, [V * (1 + P), d], class token first: the structure loss's descriptor. */
export function lastBlockTokens(
  views: Value,
  config: ClipVisionConfig,
  positions: PositionMode,
  w: WeightInputs,
): Value {
  const shape = shapeOf(views, config)
  let x = embedPatches(views, config, positions, w)
  for (let block = 0; block < config.num_hidden_layers - 1; block++) x = transformerBlock(x, block, shape, w)
  return x
}

/**
 * Relevancy of Chefer et al. 2021 for the last layer: the mean over heads of max(0, A * dy/dA), y = 100 cos(image,
 * text), read from the class token's row. Image [1, 3, h, w], texts [K, D] -> [K, 1, gh, gw]. Rollout over earlier
 * layers is off in the published code (`relevancy_num_layers` 10).
 */
export function attentionRelevancy(
  image: Value,
  texts: Value,
  config: ClipVisionConfig,
  positions: PositionMode,
  w: WeightInputs,
): Value {
  const [K = 1, D = 1] = texts.shape
  const { rows, columns } = gridOf(image, config)
  const { embedding, probabilities } = classToken(image, config, positions, w)
  const t = probabilities.shape[3]!
  const directions = normalizeLength(texts) // [K, D]
  const direction = normalizeLength(embedding) // [1, D]
  const maps = Array.from({ length: K }, (_, k) => {
    const text = slice(directions, { axes: [0], starts: [k], ends: [k + 1] }) // [1, D]
    const y = mul(reduceSum(mul(direction, reshape(text, [1, D]))), 100)
    const [slope] = gradients(y, [probabilities]) // [1, H, 1, t]
    const cam = reduceMean(relu(mul(slope!, probabilities)), [1]) // [1, 1, t]
    return reshape(slice(cam, { axes: [2], starts: [1], ends: [t] }), [1, 1, rows, columns])
  })
  return concat(maps, 0)
}

function classToken(
  views: Value,
  config: ClipVisionConfig,
  positions: PositionMode,
  w: WeightInputs,
): AttentionResult & { embedding: Value } {
  const last = config.num_hidden_layers - 1
  const { out, ...attention } = firstTokenBlock(
    lastBlockTokens(views, config, positions, w),
    last,
    shapeOf(views, config),
    w,
  )
  return {
    ...attention,
    embedding: linear(normalizeRows(out, config.layer_norm_eps, { centredCotangent: true }), 'project', w),
  }
}

/** Patches and the class token, their positions added, normalised: [V, 3, h, w] -> [V * (1 + P), d]. */
function embedPatches(views: Value, config: ClipVisionConfig, positions: PositionMode, w: WeightInputs): Value {
  const { patch_size: p, hidden_size: d } = config
  const [V = 1, C = 3] = views.shape
  const { rows, columns } = gridOf(views, config)
  const P = rows * columns
  const whole = slice(views, { axes: [2, 3], starts: [0, 0], ends: [rows * p, columns * p] })
  const cells = transpose(reshape(whole, [V, C, rows, p, columns, p]), [0, 2, 4, 1, 3, 5]) // [V, rows, columns, C, p, p]
  const patches = reshape(linear(reshape(cells, [V * P, C * p * p]), 'patch', w), [V, P, d])
  const classes = expand(reshape(w('class'), [1, 1, d]), [V, 1, d])
  const tokens = add(concat([classes, patches], 1), positionEmbedding(views, config, positions, w)) // [V, 1 + P, d]
  return layerNorm(reshape(tokens, [V * (1 + P), d]), w('pre.weight'), w('pre.bias'), config.layer_norm_eps)
}

/** [1 + P, d]; as stored for an image of the trained size, interpolated to any other grid. */
function positionEmbedding(views: Value, config: ClipVisionConfig, mode: PositionMode, w: WeightInputs): Value {
  const [, , height, width] = views.shape
  const { rows, columns } = gridOf(views, config)
  const side = config.image_size / config.patch_size
  const stored = w('positions') // [1 + side * side, d]
  if (rows * columns === side * side && height === width) return stored
  const [down, across] = mode === 'reference' ? [columns, rows] : [rows, columns]
  const matrix = views.graph.constant(positionInterpolation(side, down, across), [rows * columns, side * side])
  const grid = slice(stored, { axes: [0], starts: [1], ends: [1 + side * side] })
  return concat([slice(stored, { axes: [0], starts: [0], ends: [1] }), matmul(matrix, grid)], 0)
}

function shapeOf(views: Value, config: ClipVisionConfig): TransformerShape {
  const { rows, columns } = gridOf(views, config)
  return {
    items: views.shape[0]!,
    tokens: 1 + rows * columns,
    heads: config.num_attention_heads,
    eps: config.layer_norm_eps,
    activation: config.hidden_act,
  }
}

function gridOf(views: Value, { patch_size: p }: ClipVisionConfig): { rows: number; columns: number } {
  const [, channels, height = 0, width = 0] = views.shape
  if (views.shape.length !== 4 || channels !== 3 || height < p || width < p) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `CLIP: expected views [V, 3, h, w] of at least ${p} x ${p} pixels, came [${views.shape.join(', ')}]`,
    )
  }
  return { rows: Math.floor(height / p), columns: Math.floor(width / p) }
}
