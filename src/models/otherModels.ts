import { z } from 'zod'
import { Text2LiveError } from '../errors.js'

/** What to do about a model that does not serve. */
export const advice =
  'Use a CLIP with vision transformer and both towers, for instance openai/clip-vit-base-patch32 or laion/CLIP-ViT-B-32-laion2B-s34B-b79K, or leave ' +
  '--guidance out to use the starter model.'

/**
 * Kinds of model that people take for a CLIP, by the `model_type` of their config.json: what they are, and why they do
 * not serve.
 */
const otherKinds: Readonly<Record<string, string>> = {
  siglip: 'a SigLIP, whose towers are built and pooled otherwise',
  siglip2: 'a SigLIP 2, whose towers are built and pooled otherwise',
  siglip_text_model: 'the text tower of a SigLIP alone',
  siglip_vision_model: 'the image tower of a SigLIP alone',
  clip_text_model: 'the text tower of a CLIP alone, as image generators carry it',
  clip_vision_model: 'the image tower of a CLIP alone',
  align: 'an ALIGN, whose image tower is an EfficientNet',
  altclip: 'an AltCLIP, whose text tower is an XLM-RoBERTa',
  blip: 'a BLIP, whose towers are built otherwise',
  'blip-2': 'a BLIP-2, whose towers are built otherwise',
  chinese_clip: 'a Chinese-CLIP, whose text tower is a BERT',
  clipseg: 'a CLIPSeg, which segments',
  clap: 'a CLAP, which hears sound',
  eva: 'an EVA-CLIP, whose image tower is built otherwise',
  evaclip: 'an EVA-CLIP, whose image tower is built otherwise',
  flava: 'a FLAVA, whose towers are built otherwise',
  groupvit: 'a GroupViT, whose image tower groups',
  jina_clip: 'a Jina CLIP, whose towers are built otherwise',
  metaclip_2: 'a MetaCLIP 2, whose text tower is built otherwise',
  'vision-text-dual-encoder': 'two towers of other libraries side by side',
  xclip: 'an X-CLIP, which reads clips of video',
}

const named = z.object({
  format: z.unknown().optional(),
  model_type: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
})

/**
 * What the model of a parsed `config.json` is.
 * @throws GUIDANCE_INVALID naming what else it is
 */
export function kindOfModel(json: unknown, path: string): 'clip' | 'starter' {
  const { format, model_type: type, architectures } = named.safeParse(json).data ?? {}
  if (format === 'text2live-starter-1') return 'starter'
  const all = (architectures ?? []).join(' ')
  const other =
    type === undefined
      ? undefined
      : Object.hasOwn(otherKinds, type)
        ? otherKinds[type]
        : /eva_?clip/i.test(`${type} ${all}`)
          ? otherKinds.eva
          : /^clip_(text|vision)_model/.test(type)
            ? otherKinds[/^clip_(?:text|vision)_model/.exec(type)![0]]
            : undefined
  if (other === undefined && type === 'clip') return 'clip'
  const came =
    other !== undefined
      ? `it is ${other} ("model_type": "${type}")`
      : type === undefined
        ? 'it names none'
        : `it names "${type}"${all === '' ? '' : ` (${all})`}`
  throw new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${path} to name a model we know: "model_type": "clip" (a CLIP with vision transformer) or "format": "text2live-starter-1"; ${came}. ${advice}`,
  )
}

/**
 * Refuses the weights of a `"model_type": "clip"` that are of no whole CLIP, by the names of their tensors; what else
 * they lack shows later.
 * @throws GUIDANCE_INVALID naming what they are
 */
export function requireBothTowers(names: ReadonlySet<string>, path: string): void {
  const has = (pattern: RegExp): boolean => [...names].some((name) => pattern.test(name))
  const [image, text] = [has(/vision_model\.encoder\./), has(/text_model\.encoder\./)]
  const came = has(/^visual\.(attnpool|layer1)\./)
    ? 'its image tower is a ResNet'
    : has(/^visual\.|^transformer\.resblocks\./)
      ? "its tensors have OpenAI's names, which belong beside an open_clip_config.json, not a config.json"
      : image && !text
        ? 'it is the image tower of a CLIP alone'
        : text && !image
          ? 'it is the text tower of a CLIP alone, as image generators carry it'
          : null
  if (came !== null)
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${path} to be a whole CLIP with vision transformer: ${came}. ${advice}`,
    )
  const projection = ['visual_projection.weight', 'text_projection.weight'].find((name) => !names.has(name))
  if (image && text && projection !== undefined) {
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected a tensor "${projection}" in ${path}, there is none: without projections into one space, pictures and texts cannot be compared. ${advice}`,
    )
  }
}

/** OpenAI's names of its models with another image tower: RN50, RN50x4, RN101.pt. */
export const isResNet = (name: string): boolean => /^RN\d+(x\d+)?(\.pt)?$/i.test(name)

export const resNet = (name: string): Text2LiveError =>
  new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected a CLIP with vision transformer, the image tower of ${name} is a ResNet. Use ViT-B/32, the model of the paper, or ViT-B/16.`,
  )
