import { z } from 'zod'
import { Text2LiveError } from '../errors.js'

/**
 * Many times those of the largest models: what a file claims beyond them would be counted out, block by block, before
 * its weights are looked for.
 */
const size = z.int().positive().max(1_000_000)
const blocks = z.int().positive().max(1000)
const activation = z.enum(['quick_gelu', 'gelu'])

/** One tower; the defaults are those of Hugging Face, whose files leave out what equals ViT-B/32. */
const tower = {
  num_hidden_layers: blocks.default(12),
  hidden_act: activation.default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
}
const visionConfig = z.object({
  ...tower,
  hidden_size: size.default(768),
  intermediate_size: size.default(3072),
  num_attention_heads: size.default(12),
  image_size: size.default(224),
  patch_size: size.default(32),
  num_channels: z.literal(3).default(3),
})
const textConfig = z.object({
  ...tower,
  hidden_size: size.default(512),
  intermediate_size: size.default(2048),
  num_attention_heads: size.default(8),
  vocab_size: size.default(49408),
  max_position_embeddings: z.int().min(3).max(1_000_000).default(77),
})
const clipConfig = z.object({
  model_type: z.literal('clip'),
  projection_dim: size.default(512),
  vision_config: visionConfig,
  text_config: textConfig,
})

/** `config.json` of a CLIP in the Hugging Face layout: any ViT. Fields we do not use are dropped. */
export type ClipConfig = z.infer<typeof clipConfig>
export type ClipVisionConfig = ClipConfig['vision_config']
export type ClipTextConfig = ClipConfig['text_config']
export type ClipActivation = z.infer<typeof activation>

/**
 * Checks a parsed `config.json`.
 * @throws GUIDANCE_INVALID naming the field, for instance an activation other than `quick_gelu` and `gelu`
 */
export function parseClipConfig(json: unknown, path = 'config.json'): ClipConfig {
  const parsed = clipConfig.safeParse(withDictionaries(json))
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
      .join('; ')
    throw invalid(path, problems)
  }
  const { vision_config: vision, text_config: text } = parsed.data
  for (const [name, { hidden_size: width, num_attention_heads: heads }] of Object.entries({
    vision_config: vision,
    text_config: text,
  })) {
    if (width % heads !== 0)
      throw invalid(path, `${name}.hidden_size ${width} is no multiple of num_attention_heads ${heads}`)
  }
  if (vision.image_size % vision.patch_size !== 0) {
    throw invalid(
      path,
      `vision_config.image_size ${vision.image_size} is no multiple of patch_size ${vision.patch_size}`,
    )
  }
  return parsed.data
}

/** Older files repeat a tower's config as `text_config_dict`, which then takes precedence. */
function withDictionaries(json: unknown): unknown {
  if (!isRecord(json)) return json
  const merged = (name: string): unknown => {
    const [base, dictionary] = [json[name] ?? {}, json[`${name}_dict`]]
    return isRecord(base) && isRecord(dictionary) ? { ...base, ...dictionary } : base
  }
  return { ...json, vision_config: merged('vision_config'), text_config: merged('text_config') }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function invalid(path: string, problem: string): Text2LiveError {
  return new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${path} to describe a CLIP with vision transformer: ${problem}. Use a model in the Hugging Face CLIP layout.`,
  )
}
