import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { toFloat32 } from '../formats/toFloat32.js'
import { clipNormalisation } from './clip.js'
import { parseClipConfig, type ClipConfig } from './clipConfig.js'
import { clipTextShapes, clipVisionShapes } from './clipWeights.js'
import { jsonFile, safetensorsOf, withFiles } from './convertedFile.js'
import type { FileSource } from './fileSource.js'
import { normalisationFile, openClipLayout } from './modelFiles.js'
import { readOpenaiNames, torchTensors, type StoredTensors } from './openaiClip.js'
import { advice } from './otherModels.js'
import { openWeightFile, readJson } from './weightFile.js'

const size = z.int().positive()
const rgb = z.tuple([z.number(), z.number(), z.number()])
/** One number, or the two sides of a square. */
const side = z.union([
  size,
  z
    .tuple([size, size])
    .refine(([a, b]) => a === b, 'is not square')
    .transform(([a]) => a),
])
/** How a tower is pooled, projected and trained; with any other value it would compute something else. */
const only = <T extends z.core.util.Literal>(value: T) => z.literal(value).nullable().optional()

/**
 * The fields of open_clip that describe OpenAI's architecture; its defaults. A field that is not listed describes
 * another one, and is refused.
 */
const openClipConfig = z.object({
  model_cfg: z.strictObject({
    embed_dim: size,
    quick_gelu: z.boolean().default(false),
    custom_text: z.boolean().optional(),
    init_logit_scale: z.number().optional(),
    init_logit_bias: z.null().optional(),
    vision_cfg: z.strictObject({
      image_size: side.default(224),
      layers: size.default(12),
      width: size.default(768),
      head_width: size.default(64),
      mlp_ratio: z.number().positive().default(4),
      patch_size: side.default(16),
      patch_dropout: z.number().optional(),
      pool_type: only('tok'),
      output_tokens: only(false),
      attentional_pool: only(false),
      no_ln_pre: only(false),
      final_ln_after_pool: only(false),
      pos_embed_type: only('learnable'),
      ls_init_value: z.null().optional(),
      input_patchnorm: only(false),
      global_average_pool: only(false),
      timm_model_name: z.null().optional(),
    }),
    text_cfg: z.strictObject({
      context_length: z.int().min(3).default(77),
      vocab_size: size.default(49408),
      width: size.default(512),
      heads: size.default(8),
      layers: size.default(12),
      mlp_ratio: z.number().positive().default(4),
      pool_type: only('argmax'),
      proj_type: only('linear'),
      proj_bias: only(false),
      embed_cls: only(false),
      pad_id: z.int().optional(),
      no_causal_mask: only(false),
      final_ln_after_pool: only(false),
      output_tokens: only(false),
      ls_init_value: z.null().optional(),
      hf_model_name: z.null().optional(),
      hf_tokenizer_name: z.union([z.literal(''), z.null()]).optional(),
      tokenizer_kwargs: z.null().optional(),
    }),
  }),
  preprocess_cfg: z
    .object({ mean: rgb.default([...clipNormalisation.mean]), std: rgb.default([...clipNormalisation.std]) })
    .prefault({}),
})

/**
 * A model in the layout of the open_clip library as if it were in that of Hugging Face: its tensors have OpenAI's
 * names.
 * @throws GUIDANCE_INVALID for an architecture other than OpenAI's with a vision transformer, missing or wrong tensors;
 *   SAFETENSORS_INVALID, PYTORCH_FILE_INVALID, PICKLE_UNSAFE
 */
export async function openClipSource(source: FileSource): Promise<FileSource> {
  const path = `${source.location}/${openClipLayout.config}`
  const { config, mean, std } = configOf(await readJson(source, openClipLayout.config), path)
  const tensors = withoutPrefix(await storedTensors(source))
  const read = readOpenaiNames(tensors, config, (problem) => invalid(tensors.location, problem))
  const weights = safetensorsOf(
    new Map([...clipVisionShapes(config), ...clipTextShapes(config)]),
    async (name) => (await read([name])).get(name)!.data,
  )
  return withFiles(
    source,
    new Map([
      ['config.json', jsonFile(config)],
      [normalisationFile, jsonFile({ image_mean: mean, image_std: std })],
      ['model.safetensors', weights],
    ]),
  )
}

function configOf(
  json: unknown,
  path: string,
): { config: ClipConfig; mean: readonly number[]; std: readonly number[] } {
  const kind = otherKind(json)
  if (kind !== null) throw invalid(path, kind)
  const parsed = openClipConfig.safeParse(json)
  if (!parsed.success) {
    throw invalid(
      path,
      parsed.error.issues
        .slice(0, 3)
        .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
        .join('; '),
    )
  }
  const {
    model_cfg: { embed_dim: width, quick_gelu: quick, vision_cfg: vision, text_cfg: text },
    preprocess_cfg: { mean, std },
  } = parsed.data
  const activation = quick ? 'quick_gelu' : 'gelu'
  const config = parseClipConfig(
    {
      model_type: 'clip',
      projection_dim: width,
      vision_config: {
        hidden_size: vision.width,
        patch_size: vision.patch_size,
        image_size: vision.image_size,
        num_hidden_layers: vision.layers,
        hidden_act: activation,
        num_attention_heads: Math.max(1, Math.floor(vision.width / vision.head_width)),
        intermediate_size: Math.floor(vision.width * vision.mlp_ratio),
      },
      text_config: {
        hidden_size: text.width,
        num_hidden_layers: text.layers,
        num_attention_heads: text.heads,
        hidden_act: activation,
        vocab_size: text.vocab_size,
        max_position_embeddings: text.context_length,
        intermediate_size: Math.floor(text.width * text.mlp_ratio),
      },
    },
    path,
  )
  return { config, mean, std }
}

const looseConfig = z.object({
  model_cfg: z.looseObject({
    multimodal_cfg: z.unknown().optional(),
    init_logit_bias: z.unknown().optional(),
    vision_cfg: z.looseObject({ layers: z.unknown().optional(), timm_model_name: z.string().nullish() }).optional(),
    text_cfg: z.looseObject({ hf_model_name: z.string().nullish() }).optional(),
  }),
})

/** What a person would call a model that is no CLIP of OpenAI's architecture with a vision transformer. */
function otherKind(json: unknown): string | null {
  const { model_cfg: model } = looseConfig.safeParse(json).data ?? {}
  const timm = model?.vision_cfg?.timm_model_name ?? ''
  const text = model?.text_cfg?.hf_model_name ?? ''
  if (/siglip/i.test(timm) || typeof model?.init_logit_bias === 'number')
    return `it is a SigLIP${timm === '' ? '' : ` (${timm})`}`
  if (/eva/i.test(timm)) return `it is an EVA-CLIP (${timm})`
  if (timm !== '') return `its image tower is ${timm} of the timm library`
  if (Array.isArray(model?.vision_cfg?.layers)) return 'its image tower is a ResNet'
  if (model?.multimodal_cfg !== undefined) return 'it is a CoCa'
  return text === '' ? null : `its text tower is ${text}`
}

async function storedTensors(source: FileSource): Promise<StoredTensors> {
  const [safetensors = '', torch = ''] = openClipLayout.weights
  const torchSize = (await source.size(safetensors)) === null ? await source.size(torch) : null
  if (torchSize !== null)
    return await torchTensors({
      location: `${source.location}/${torch}`,
      size: torchSize,
      read: (start, end) => source.read(torch, start, end),
    })
  const {
    header: { entries },
    path,
  } = await openWeightFile(source, safetensors, new Map())
  return {
    location: path,
    shapes: new Map([...entries].map(([name, { shape }]) => [name, shape])),
    async rows(name, from, to) {
      const { dtype, shape, start, end } = entries.get(name)!
      const row = (end - start) / (shape[0] ?? 1)
      return toFloat32(
        {
          dtype,
          shape: [to - from, ...shape.slice(1)],
          bytes: await source.read(safetensors, start + from * row, start + to * row),
        },
        `tensor "${name}" of ${path}`,
      )
    },
  }
}

/** Where open_clip keeps the text tower apart (`custom_text`), its tensors are called `text.`. */
function withoutPrefix(tensors: StoredTensors): StoredTensors {
  const prefix = 'text.'
  if (!tensors.shapes.has(`${prefix}token_embedding.weight`)) return tensors
  const stored = new Map(
    [...tensors.shapes.keys()].map((name) => [name.startsWith(prefix) ? name.slice(prefix.length) : name, name]),
  )
  return {
    location: tensors.location,
    shapes: new Map([...stored].map(([name, from]) => [name, tensors.shapes.get(from)!])),
    rows: (name, from, to) => tensors.rows(stored.get(name)!, from, to),
  }
}

const invalid = (path: string, problem: string): Text2LiveError =>
  new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${path} to be a CLIP with vision transformer in the open_clip layout: ${problem}. ${advice}`,
  )
