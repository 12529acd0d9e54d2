import { Text2LiveError } from '../errors.js'
import { assertStored, openPyTorchFile, tensorsByPath } from '../formats/pytorchFile.js'
import { PickleTensor } from '../formats/pickle.js'
import type { RandomAccess } from '../formats/zipEntries.js'
import { type ClipConfig, parseClipConfig } from './clipConfig.js'
import { type ReadWeights, clipTextShapes, clipVisionShapes } from './clipWeights.js'
import type { WeightTensor } from './guidance.js'
import { requireFinite, type WeightShapes } from './weightFile.js'

/** A CLIP as OpenAI publishes it: what its shapes say of it, and its weights by their Hugging Face names. */
export interface OpenaiClip {
  readonly config: ClipConfig
  readonly read: ReadWeights
}

/** Tensors under OpenAI's names, in whatever file they lie. */
export interface StoredTensors {
  /** What errors call the file. */
  readonly location: string
  readonly shapes: WeightShapes
  /** The numbers of a tensor, row-major: of its rows `from` to before `to` along the first axis. */
  rows(name: string, from: number, to: number): Promise<Float32Array>
}

/** Names of the tensors of both towers. */
const ofNetwork = /^(?:visual|transformer|token_embedding|positional_embedding|ln_final|text_projection)\b/

/** Width of a head, in all of OpenAI's models. */
const HEAD = 64

/**
 * Opens OpenAI's own file of a CLIP with vision transformer (`ViT-B-32.pt`: a TorchScript archive; a state dict of the
 * same names serves as well). Its sizes are read off the shapes; the activation is quick GELU, as in all of OpenAI's
 * models.
 * @throws PYTORCH_FILE_INVALID, PICKLE_UNSAFE; GUIDANCE_INVALID for another network, missing or wrong tensors
 */
export async function openOpenaiClip(file: RandomAccess): Promise<OpenaiClip> {
  const tensors = await torchTensors(file)
  const config = configOf(tensors)
  return { config, read: readOpenaiNames(tensors, config, (problem) => invalid(file.location, problem)) }
}

/** @throws PYTORCH_FILE_INVALID, PICKLE_UNSAFE */
export async function torchTensors(file: RandomAccess): Promise<StoredTensors> {
  const archive = await openPyTorchFile(file)
  const state = tensorsByPath(archive.root, file.location)
  // Before anything is believed of their shapes.
  assertStored(file, new Map([...state].filter(([name]) => ofNetwork.test(name))))
  return {
    location: file.location,
    shapes: new Map([...state].map(([name, { shape }]) => [name, shape])),
    rows(name, from, to) {
      const { storage, offset, shape, strides } = state.get(name)!
      return archive.read(
        shape.length === 0
          ? state.get(name)!
          : new PickleTensor(storage, offset + from * strides[0]!, [to - from, ...shape.slice(1)], strides),
      )
    },
  }
}

/**
 * The weights of a CLIP by their Hugging Face names.
 * @param invalid makes the error of what is wrong with the file
 * @throws GUIDANCE_INVALID for missing tensors and other shapes than those of `config`
 */
export function readOpenaiNames(
  tensors: StoredTensors,
  config: ClipConfig,
  invalid: (problem: string) => Text2LiveError,
): ReadWeights {
  const shapes = new Map([...clipVisionShapes(config), ...clipTextShapes(config)])
  for (const [name, shape] of shapes) {
    const { source, third, transposed } = sourceOf(name)
    const stored = tensors.shapes.get(source)
    if (!stored) throw invalid(`it has no tensor "${source}"`)
    const came =
      transposed === true ? [...stored].reverse() : third === undefined ? stored : [stored[0]! / 3, ...stored.slice(1)]
    if (came.length !== shape.length || came.some((n, axis) => n !== shape[axis])) {
      throw invalid(
        `its "${source}" gives [${came.join(', ')}] for ${name}, the rest of the file asks for [${shape.join(', ')}]`,
      )
    }
  }
  return async (names) => {
    const weights = new Map<string, WeightTensor>()
    for (const name of names) {
      const { source, third, transposed } = sourceOf(name)
      const shape = shapes.get(name)!
      const [rows = 0] = transposed === true ? [...shape].reverse() : shape
      const stored = await tensors.rows(source, (third ?? 0) * rows, ((third ?? 0) + 1) * rows)
      requireFinite(tensors.location, source, stored)
      weights.set(name, { shape, data: transposed === true ? turned(stored, rows) : stored })
    }
    return weights
  }
}

/** [rows, columns] -> [columns, rows] */
function turned(data: Float32Array, rows: number): Float32Array {
  const columns = data.length / rows
  return data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!)
}

function configOf({ shapes, location }: StoredTensors): ClipConfig {
  const shape = (name: string, axes: number): readonly number[] => {
    const found = shapes.get(name)
    if (!found) throw invalid(location, `it has no tensor "${name}"`)
    if (found.length !== axes) throw invalid(location, `its tensor "${name}" has ${found.length} axes, not ${axes}`)
    return found
  }
  const blocks = (prefix: string): number =>
    [...shapes.keys()].filter((name) => name.startsWith(prefix) && name.endsWith('.attn.in_proj_weight')).length
  if (!shapes.has('visual.proj') && shapes.has('visual.attnpool.c_proj.weight')) {
    throw invalid(location, 'its image tower is a ResNet; only those with a vision transformer (ViT) serve')
  }
  const [width = 0, , patch = 0] = shape('visual.conv1.weight', 4)
  const side = Math.sqrt(shape('visual.positional_embedding', 2)[0]! - 1)
  const [textWidth = 0, projection = 0] = shape('text_projection', 2)
  return parseClipConfig(
    {
      model_type: 'clip',
      projection_dim: projection,
      vision_config: {
        hidden_size: width,
        patch_size: patch,
        image_size: patch * side,
        hidden_act: 'quick_gelu',
        num_attention_heads: Math.max(1, Math.floor(width / HEAD)),
        num_hidden_layers: blocks('visual.transformer.resblocks.'),
        intermediate_size: shape('visual.transformer.resblocks.0.mlp.c_fc.weight', 2)[0],
      },
      text_config: {
        hidden_size: textWidth,
        hidden_act: 'quick_gelu',
        num_attention_heads: Math.max(1, Math.floor(textWidth / HEAD)),
        num_hidden_layers: blocks('transformer.resblocks.'),
        intermediate_size: shape('transformer.resblocks.0.mlp.c_fc.weight', 2)[0],
        vocab_size: shape('token_embedding.weight', 2)[0],
        max_position_embeddings: shape('positional_embedding', 2)[0],
      },
    },
    location,
  )
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
  'vision_model.pre_layrnorm': 'visual.ln_pre',
  'vision_model.post_layernorm': 'visual.ln_post',
  'text_model.final_layer_norm': 'ln_final',
}

const renamedLayers: Readonly<Record<string, string>> = {
  'self_attn.out_proj': 'attn.out_proj',
  layer_norm1: 'ln_1',
  layer_norm2: 'ln_2',
  'mlp.fc1': 'mlp.c_fc',
  'mlp.fc2': 'mlp.c_proj',
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

function invalid(location: string, problem: string): Text2LiveError {
  return new Text2LiveError(
    'GUIDANCE_INVALID',
    `Expected ${location} to be a CLIP of OpenAI with a vision transformer, such as ViT-B-32.pt: ${problem}. ` +
      'Download it again, or use a model in the Hugging Face layout.',
  )
}
