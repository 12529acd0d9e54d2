import type { Value } from '../engine/graph.js'
import {
  add,
  clip,
  concat,
  conv2d,
  div,
  gemm,
  layerNorm,
  maximum,
  quickGelu,
  reduceMean,
  relu6,
  reshape,
  slice,
  sqrt,
  square,
  sub,
  transpose,
} from '../engine/ops.js'
import { Text2LiveError } from '../errors.js'
import type { WeightInputs } from './guidance.js'
import type { StarterConfig, StarterTrunk } from './starterConfig.js'
import { linear } from './transformerBlock.js'

/** Pixels [V, 3, h, w] in [0,1], cut to whole cells and normalised: what the trunk reads. */
export function normalisePixels(pixels: Value, { patch, mean, std }: StarterConfig): Value {
  const [, channels, height = 0, width = 0] = pixels.shape
  if (pixels.shape.length !== 4 || channels !== 3 || height < patch || width < patch) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `starter model: expected images [V, 3, h, w] of at least ${patch} x ${patch} pixels, came [${pixels.shape.join(', ')}]`,
    )
  }
  const whole = slice(pixels, {
    axes: [2, 3],
    starts: [0, 0],
    ends: [height - (height % patch), width - (width % patch)],
  })
  const perChannel = (values: readonly number[]): Value => pixels.graph.constant(values, [1, 3, 1, 1])
  return div(sub(whole, perChannel(mean)), perChannel(std))
}

/**
 * What stands in each cell, [V, F, h/cell, w/cell]: mean and standard deviation of the normalised pixels x [V, 3, h, w]
 * (colour and texture), the trunk's last features at strides 4, 8 and 16, averaged, and its output.
 */
export function cellFeatures(x: Value, { trunk, patch }: StarterConfig, w: WeightInputs): Value {
  const mean = averagePool(x, patch)
  const variance = sub(averagePool(square(x), patch), square(mean))
  const deviation = sqrt(maximum(variance, 1e-6))
  return concat([mean, deviation, ...trunkFeatures(x, trunk, patch, w)], 1)
}

/** The head on maps of features [V, F, gh, gw] -> tokens [V * cells, d]. */
export function headTokens(features: Value, config: StarterConfig, w: WeightInputs): Value {
  const [V = 1, F = 1, rows = 1, columns = 1] = features.shape
  return tokensOfCells(reshape(transpose(features, [0, 2, 3, 1]), [V * rows * columns, F]), config, w)
}

/** The head: features of cells [n, F] -> tokens [n, d], one per cell, each on its own. */
export function tokensOfCells(features: Value, { head }: StarterConfig, w: WeightInputs): Value {
  const z = clip(div(sub(features, w('head.token.mean')), w('head.token.std')), -head.token_clip, head.token_clip)
  const h = quickGelu(linear(z, 'head.fc_in', w)) // [n, d]
  const normalised = layerNorm(h, w('head.ln.weight'), w('head.ln.bias'), head.eps)
  const mixed = add(h, linear(quickGelu(linear(normalised, 'head.fc1', w)), 'head.fc2', w))
  return layerNorm(mixed, w('head.ln_post.weight'), w('head.ln_post.bias'), head.eps)
}

/** Tokens [V * cells, d] of V images -> embeddings [V, D], not normalised: the projected mean over cells. */
export function poolTokens(tokens: Value, V: number, w: WeightInputs): Value {
  const d = tokens.shape[1]!
  const mean = reduceMean(reshape(tokens, [V, -1, d]), [1]) // [V, d]
  return gemm(mean, w('head.proj.weight'), null, { transB: true })
}

/** EfficientNet-Lite with its batch norms folded; the features at strides 4, 8, 16 pooled to cells, then the output. */
function trunkFeatures(image: Value, { stem, blocks }: StarterTrunk, patch: number, w: WeightInputs): Value[] {
  const taps: Value[] = []
  let stride = stem.stride
  let x = relu6(convolve(image, 'trunk.stem', stem.stride, 1, w))
  blocks.forEach((block, i) => {
    const middle = block.channels[0]
    // The last block of each stride is tapped; stride 2 is left out.
    if (block.stride > 1 && stride >= 4) taps.push(averagePool(x, patch / stride))
    stride *= block.stride
    const expanded = block.expand ? relu6(convolve(x, `trunk.blocks.${i}.expand`, 1, 1, w)) : x
    const filtered = relu6(convolve(expanded, `trunk.blocks.${i}.depthwise`, block.stride, middle, w))
    const projected = convolve(filtered, `trunk.blocks.${i}.project`, 1, 1, w)
    x = block.skip ? add(projected, x) : projected
  })
  return [...taps, x]
}

/**
 * A convolution with bias and TensorFlow's "same" padding: the output has ceil(n / stride) pixels, an odd pad is larger
 * at the bottom and right.
 */
function convolve(x: Value, name: string, stride: number, groups: number, w: WeightInputs): Value {
  const weight = w(`${name}.weight`)
  const kernel = weight.shape[2]!
  const [top, bottom] = samePadding(x.shape[2]!, kernel, stride)
  const [left, right] = samePadding(x.shape[3]!, kernel, stride)
  return conv2d(x, weight, { bias: w(`${name}.bias`), stride, groups, pads: [top, left, bottom, right] })
}

function samePadding(n: number, kernel: number, stride: number): [before: number, after: number] {
  const total = Math.max((Math.ceil(n / stride) - 1) * stride + kernel - n, 0)
  return [Math.floor(total / 2), Math.ceil(total / 2)]
}

/**
 * Mean over squares of `side` pixels: [V, C, h, w] -> [V, C, h/side, w/side]. Rows then columns: two plain reductions
 * run faster than one over both axes.
 */
function averagePool(x: Value, side: number): Value {
  const [V = 1, C = 1, height = 1, width = 1] = x.shape
  if (side === 1) return x
  const rows = reduceMean(reshape(x, [V, C, height / side, side, width]), [3]) // [V, C, h/side, w]
  return reduceMean(reshape(rows, [V, C, height / side, width / side, side]), [4])
}
