import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import type { WeightShapes } from './weightFile.js'

/** Many times those of the model: see `clipConfig`. */
const size = z.int().positive().max(1_000_000)
const blocks = z.int().positive().max(1000)
const rgb = z.tuple([z.number(), z.number(), z.number()])

const starterConfig = z.object({
  format: z.literal('text2live-starter-1'),
  image_size: size,
  /** Side of a token's square of pixels: the product of the trunk's strides. */
  patch: size,
  embed_dim: size,
  mean: rgb,
  std: rgb,
  trunk: z.object({
    stem: z.object({ kernel: size, stride: size, channels: size }),
    activation: z.literal('relu6'),
    padding: z.literal('same'),
    /** Inverted residual blocks; `channels` are those of the depthwise convolution and of the output. */
    blocks: z
      .array(
        z.object({
          expand: z.boolean(),
          kernel: size,
          stride: size,
          skip: z.boolean(),
          channels: z.tuple([size, size]),
        }),
      )
      .min(1)
      .max(1000),
  }),
  head: z.object({
    kind: z.literal('token-mlp-mean'),
    activation: z.literal('quick_gelu'),
    width: size,
    hidden: size,
    eps: z.number().positive(),
    token_clip: z.number().positive(),
  }),
  text: z.object({
    layers: blocks,
    width: size,
    heads: size,
    mlp: size,
    activation: z.literal('gelu'),
    eps: z.number().positive(),
    max_length: z.int().min(3).max(1_000_000),
    pooling: z.literal('mean'),
    normalize: z.literal(true),
  }),
})

/** `config.json` of the starter model. */
export type StarterConfig = z.infer<typeof starterConfig>
export type StarterTrunk = StarterConfig['trunk']
export type StarterText = StarterConfig['text']

/** @throws GUIDANCE_INVALID naming the field */
export function parseStarterConfig(json: unknown, path = 'config.json'): StarterConfig {
  const parsed = starterConfig.safeParse(json)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    .join('; ')
  throw new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${path} to describe a starter model: ${problems}. Copy the model's folder again.`,
  )
}

/** Channels of the features that the trunk taps at each stride above the last, and of its output. */
function tapChannels({ stem, blocks }: StarterTrunk): { taps: number[]; output: number } {
  const taps: number[] = []
  let stride = stem.stride
  let channels = stem.channels
  blocks.forEach((block) => {
    // A stride's last block stands before the next halving; stride 2 is not tapped.
    if (block.stride > 1 && stride >= 4) taps.push(channels)
    stride *= block.stride
    channels = block.channels[1]
  })
  return { taps, output: channels }
}

/** Names and shapes of the image tower. */
export function starterImageShapes({ trunk, head, embed_dim: D }: StarterConfig): WeightShapes {
  const { taps, output } = tapChannels(trunk)
  const features = [3, 3, ...taps, output].reduce((sum, n) => sum + n)
  const shapes = new Map<string, readonly number[]>()
  const layer = (name: string, shape: readonly number[]): void => {
    shapes.set(`${name}.weight`, shape).set(`${name}.bias`, [shape[0]!])
  }
  layer('trunk.stem', [trunk.stem.channels, 3, trunk.stem.kernel, trunk.stem.kernel])
  let input = trunk.stem.channels
  trunk.blocks.forEach(({ expand, kernel, channels: [middle, out] }, i) => {
    if (expand) layer(`trunk.blocks.${i}.expand`, [middle, input, 1, 1])
    layer(`trunk.blocks.${i}.depthwise`, [middle, 1, kernel, kernel])
    layer(`trunk.blocks.${i}.project`, [out, middle, 1, 1])
    input = out
  })
  shapes.set('head.token.mean', [features]).set('head.token.std', [features])
  layer('head.fc_in', [head.width, features])
  for (const name of ['head.ln', 'head.ln_post']) layer(name, [head.width])
  layer('head.fc1', [head.hidden, head.width])
  layer('head.fc2', [head.width, head.hidden])
  return shapes.set('head.proj.weight', [D, head.width])
}
