import { Text2LiveError } from '../errors.js'
import { openPyTorchFile, tensorsByPath } from '../formats/pytorchFile.js'
import { PickleTensor } from '../formats/pickle.js'
import type { RandomAccess } from '../formats/zipEntries.js'
import { type ClipConfig, parseClipConfig } from './clipConfig.js'
import { type ReadWeights, clipTextShapes, clipVisionShapes } from './clipWeights.js'
import type { WeightTensor } from './guidance.js'
import { requireFinite } from './weightFile.js'

/** A CLIP as OpenAI publishes it: what its shapes say of it, and its weights by their Hugging Face names. */
export interface OpenaiClip {
  readonly config: ClipConfig
  readonly read: ReadWeights
}

type State = ReadonlyMap<string, PickleTensor>

/** Width of a head, in all of OpenAI's models. */
const HEAD = 64

/**
 * Opens OpenAI's own file of a CLIP with vision transformer (`ViT-B-32.pt`: a TorchScript archive; a state dict of the same names serves as well). Its
 * sizes are read off the shapes; the activation is quick GELU, as in all of OpenAI's models.
 * @throws PYTORCH_FILE_INVALID, PICKLE_UNSAFE; GUIDANCE_INVALID for another network, missing or wrong tensors
 */
export async function openOpenaiClip(file: RandomAccess): Promise<OpenaiClip> {
  const archive = await openPyTorchFile(file)
  const state = tensorsByPath(archive.root)
  const config = configOf(state, file.location)
  for (const [name, shape] of [...clipVisionShapes(config), ...clipTextShapes(config)]) {
    const came = partOf(name, state, file.location).tensor.shape
    if (came.length !== shape.length || came.some((n, axis) => n !== shape[axis])) {
      throw invalid(file.location, `its "${sourceOf(name).source}" gives [${came.join(', ')}] for ${name}, the rest of the file asks for [${shape.join(', ')}]`)
    }
  }
  return {
    config,
    async read(names) {
      const weights = new Map<string, WeightTensor>()
      for (const name of names) {
        const { source, tensor } = partOf(name, state, file.location)
        const data = await archive.read(tensor)
        requireFinite(file.location, source, data)
        weights.set(name, { shape: tensor.shape, data })
      }
      return weights
    },
  }
}

function configOf(state: State, location: string): ClipConfig {
  const shape = (name: string, axes: number): readonly number[] => find(state, name, axes, location).shape
  const blocks = (prefix: string): number => [...state.keys()].filter(name => name.startsWith(prefix) && name.endsWith('.attn.in_proj_weight')).length
  if (!state.has('visual.proj') && state.has('visual.attnpool.c_proj.weight')) {
    throw invalid(location, 'its image tower is a ResNet; only those with a vision transformer (ViT) serve')
  }
  const [width = 0, , patch = 0] = shape('visual.conv1.weight', 4)
  const side = Math.sqrt(shape('visual.positional_embedding', 2)[0]! - 1)
  const [textWidth = 0, projection = 0] = shape('text_projection', 2)
  return parseClipConfig({
    model_type: 'clip',
    projection_dim: projection,
    vision_config: {
      hidden_size: width, patch_size: patch, image_size: patch * side, hidden_act: 'quick_gelu', num_attention_heads: Math.max(1, Math.floor(width / HEAD)),
      num_hidden_layers: blocks('visual.transformer.resblocks.'), intermediate_size: shape('visual.transformer.resblocks.0.mlp.c_fc.weight', 2)[0],
    },
    text_config: {
      hidden_size: textWidth, hidden_act: 'quick_gelu', num_attention_heads: Math.max(1, Math.floor(textWidth / HEAD)),
      num_hidden_layers: blocks('transformer.resblocks.'), intermediate_size: shape('transformer.resblocks.0.mlp.c_fc.weight', 2)[0],
      vocab_size: shape('token_embedding.weight', 2)[0], max_position_embeddings: shape('positional_embedding', 2)[0],
    },
  }, location)
}

/** The tensor, or the view of a part of one, that OpenAI's file has for a Hugging Face name (spec 6.2). */
function partOf(name: string, state: State, location: string): { source: string; tensor: PickleTensor } {
  const { source, third, transposed } = sourceOf(name)
  const { storage, offset, shape, strides } = find(state, source, null, location)
  if (transposed === true) return { source, tensor: new PickleTensor(storage, offset, [...shape].reverse(), [...strides].reverse()) }
  if (third === undefined) return { source, tensor: new PickleTensor(storage, offset, shape, strides) }
  const [rows = 0, ...rest] = shape
  return { source, tensor: new PickleTensor(storage, offset + third * (rows / 3) * strides[0]!, [rows / 3, ...rest], strides) }
}

interface Source {
  readonly source: string
  /** The third of its rows that is meant: queries, keys or values. */
  readonly third?: number
  readonly transposed?: true
}

const renamed: Readonly<Record<string, Source>> = {
  'vision_model.embeddings.class_embedding': { source: 'visual.class_embedding' },
  'vision_model.embeddings.patch_embedding.weight': { source: 'visual.conv1.weight' },
  'vision_model.embeddings.position_embedding.weight': { source: 'visual.positional_embedding' },
  'visual_projection.weight': { source: 'visual.proj', transposed: true },
  'text_model.embeddings.token_embedding.weight': { source: 'token_embedding.weight' },
  'text_model.embeddings.position_embedding.weight': { source: 'positional_embedding' },
  'text_projection.weight': { source: 'text_projection', transposed: true },
}

const renamedNorms: Readonly<Record<string, string>> = {
  'vision_model.pre_layrnorm': 'visual.ln_pre', 'vision_model.post_layernorm': 'visual.ln_post', 'text_model.final_layer_norm': 'ln_final',
}

const renamedLayers: Readonly<Record<string, string>> = {
  'self_attn.out_proj': 'attn.out_proj', layer_norm1: 'ln_1', layer_norm2: 'ln_2', 'mlp.fc1': 'mlp.c_fc', 'mlp.fc2': 'mlp.c_proj',
}

function sourceOf(name: string): Source {
  const alone = renamed[name]
  if (alone) return alone
  const dot = name.lastIndexOf('.')
  const [layer, kind] = [name.slice(0, dot), name.slice(dot + 1)]
  const norm = renamedNorms[layer]
  if (norm !== undefined) return { source: `${norm}.${kind}` }
  const [, tower, block, part = ''] = /^(vision|text)_model\.encoder\.layers\.(\d+)\.(.+)$/.exec(layer) ?? []
  const prefix = `${tower === 'vision' ? 'visual.' : ''}transformer.resblocks.${block}`
  const third = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'].indexOf(part)
  if (third >= 0) return { source: `${prefix}.attn.in_proj_${kind}`, third }
  const target = renamedLayers[part]
  if (tower !== undefined && target !== undefined) return { source: `${prefix}.${target}.${kind}` }
  throw new RangeError(`no weight of CLIP is called "${name}"`)
}

function find(state: State, name: string, axes: number | null, location: string): PickleTensor {
  const tensor = state.get(name)
  if (!tensor) throw invalid(location, `it has no tensor "${name}"`)
  if (axes !== null && tensor.shape.length !== axes) throw invalid(location, `its tensor "${name}" has ${tensor.shape.length} axes, not ${axes}`)
  return tensor
}

function invalid(location: string, problem: string): Text2LiveError {
  return new Text2LiveError('GUIDANCE_INVALID', `Expected ${location} to be a CLIP of OpenAI with a vision transformer, such as ViT-B-32.pt: ${problem}. `
    + 'Download it again, or use a model in the Hugging Face layout.')
}
