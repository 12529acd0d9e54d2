import type { ClipConfig, ClipTextConfig, ClipVisionConfig } from './clipConfig.js'
import type { FrozenTensor, Normalisation, WeightTensor } from './guidance.js'
import type { WeightShapes } from './weightFile.js'

/** Reads tensors of the Hugging Face layout by their names. */
export type ReadWeights = (names: Iterable<string>) => Promise<ReadonlyMap<string, WeightTensor>>

/** Names and shapes of the vision tower in the Hugging Face layout. */
export function clipVisionShapes({ vision_config: vision, projection_dim: d }: ClipConfig): WeightShapes {
  const { hidden_size: width, patch_size: patch, image_size: image } = vision
  return new Map<string, readonly number[]>([
    ['vision_model.embeddings.class_embedding', [width]],
    ['vision_model.embeddings.patch_embedding.weight', [width, 3, patch, patch]],
    ['vision_model.embeddings.position_embedding.weight', [(image / patch) ** 2 + 1, width]],
    ...norm('vision_model.pre_layrnorm', width),
    ...blocks('vision_model', vision),
    ...norm('vision_model.post_layernorm', width),
    ['visual_projection.weight', [d, width]],
  ])
}

export const clipTokenEmbedding = 'text_model.embeddings.token_embedding.weight'

/** Names and shapes of the text tower, the table of token embeddings included. */
export function clipTextShapes({ text_config: text, projection_dim: d }: ClipConfig): WeightShapes {
  const width = text.hidden_size
  return new Map<string, readonly number[]>([
    [clipTokenEmbedding, [text.vocab_size, width]],
    ['text_model.embeddings.position_embedding.weight', [text.max_position_embeddings, width]],
    ...blocks('text_model', text),
    ...norm('text_model.final_layer_norm', width),
    ['text_projection.weight', [d, width]],
  ])
}

interface BlockSizes {
  hidden_size: number
  intermediate_size: number
  num_hidden_layers: number
}

type NamedShape = [name: string, shape: readonly number[]]

function blocks(tower: string, config: BlockSizes): NamedShape[] {
  return Array.from({ length: config.num_hidden_layers }, (_, i) =>
    blockShapes(`${tower}.encoder.layers.${i}`, config),
  ).flat()
}

function blockShapes(layer: string, { hidden_size: width, intermediate_size: mlp }: BlockSizes): NamedShape[] {
  return [
    ...norm(`${layer}.layer_norm1`, width),
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((name) => linear(`${layer}.self_attn.${name}`, width, width)),
    ...norm(`${layer}.layer_norm2`, width),
    ...linear(`${layer}.mlp.fc1`, mlp, width),
    ...linear(`${layer}.mlp.fc2`, width, mlp),
  ]
}

const norm = (name: string, width: number): NamedShape[] => [
  [`${name}.weight`, [width]],
  [`${name}.bias`, [width]],
]
const linear = (name: string, out: number, from: number): NamedShape[] => [
  [`${name}.weight`, [out, from]],
  [`${name}.bias`, [out]],
]

interface Fold {
  /** Multiplies the layer's result. */
  readonly scale?: number
  /** Divides the layer's input, whatever made it larger. */
  readonly divide?: number
  /** Name of the layer norm whose affine map the layer takes over. */
  readonly after?: string
}

/**
 * The layer `name`, W x + b, taking over what stands before and after it: W' = scale W diag(s), b' = scale (b + W t),
 * for the affine map s x + t of a layer norm. Rows of W' are then centred: a normalised x has mean zero, so no product
 * changes, and the gradient that W' passes back has mean zero too, which spares the layer norm's backward pass two
 * passes over memory.
 */
function foldLinear(
  from: ReadonlyMap<string, WeightTensor>,
  name: string,
  { scale = 1, divide = 1, after }: Fold,
): [weight: WeightTensor, bias: WeightTensor] {
  const weight = from.get(`${name}.weight`)!
  const [rows = 0, columns = 0] = weight.shape
  const gain = from.get(`${after}.weight`)?.data
  const offset = from.get(`${after}.bias`)?.data
  const given = from.get(`${name}.bias`)?.data
  const folded = new Float32Array(rows * columns)
  const bias = new Float32Array(rows)
  const factor = scale / divide
  for (let row = 0; row < rows; row++) {
    const at = row * columns
    let constant = given?.[row] ?? 0
    let mean = 0
    if (gain && offset) {
      for (let i = 0; i < columns; i++) {
        constant += weight.data[at + i]! * offset[i]!
        mean += (weight.data[at + i]! * gain[i]!) / columns
      }
    }
    for (let i = 0; i < columns; i++) folded[at + i] = factor * (weight.data[at + i]! * (gain ? gain[i]! : 1) - mean)
    bias[row] = scale * constant
  }
  return [
    { shape: weight.shape, data: folded },
    { shape: [rows], data: bias },
  ]
}

const QUICK_GELU = 1.702

type Tower = 'vision_model' | 'text_model'

/**
 * A transformer block of a tower as the graph takes it, under `blocks.<i>.`: query, key, value (layer norm 1 folded in,
 * queries scaled by 1 / sqrt(head width)), out, fc1 (layer norm 2 folded in), fc2. For quick GELU, x sigmoid(1.702 x) =
 * u sigmoid(u) / 1.702 with u = 1.702 x: fc1 makes u, fc2 divides.
 */
export async function foldBlock(
  read: ReadWeights,
  tower: Tower,
  config: ClipVisionConfig | ClipTextConfig,
  block: number,
): Promise<Map<string, WeightTensor>> {
  const queryScale = (config.hidden_size / config.num_attention_heads) ** -0.5
  const steepness = config.hidden_act === 'quick_gelu' ? QUICK_GELU : 1
  const folded = new Map<string, WeightTensor>()
  const layer = `${tower}.encoder.layers.${block}`
  const from = await read(blockShapes(layer, config).map(([name]) => name))
  const put = (target: string, source: string, fold: Fold = {}): void => {
    const [weight, bias] = foldLinear(from, `${layer}.${source}`, fold)
    folded.set(`blocks.${block}.${target}.weight`, weight).set(`blocks.${block}.${target}.bias`, bias)
  }
  put('query', 'self_attn.q_proj', { after: `${layer}.layer_norm1`, scale: queryScale })
  put('key', 'self_attn.k_proj', { after: `${layer}.layer_norm1` })
  put('value', 'self_attn.v_proj', { after: `${layer}.layer_norm1` })
  put('out', 'self_attn.out_proj')
  put('fc1', 'mlp.fc1', { after: `${layer}.layer_norm2`, scale: steepness })
  put('fc2', 'mlp.fc2', { divide: steepness })
  return folded
}

/**
 * All blocks of a tower (`foldBlock`). One is read at a time, so a tower never stands twice in memory.
 * @param keep what is kept of the weights of one block
 */
export async function foldBlocks<Kept extends FrozenTensor>(
  read: ReadWeights,
  tower: Tower,
  config: ClipVisionConfig | ClipTextConfig,
  keep: (folded: ReadonlyMap<string, WeightTensor>) => ReadonlyMap<string, Kept>,
): Promise<Map<string, Kept>> {
  const kept = new Map<string, Kept>()
  for (let i = 0; i < config.num_hidden_layers; i++)
    for (const [name, tensor] of keep(await foldBlock(read, tower, config, i))) kept.set(name, tensor)
  return kept
}

/** The last layer norm and the projection of a tower as one layer, `project.`. */
export async function foldProjection(
  read: ReadWeights,
  layerNorm: string,
  projection: string,
): Promise<Map<string, WeightTensor>> {
  const from = await read([`${layerNorm}.weight`, `${layerNorm}.bias`, `${projection}.weight`])
  const [weight, bias] = foldLinear(from, projection, { after: layerNorm })
  return new Map([
    ['project.weight', weight],
    ['project.bias', bias],
  ])
}

/**
 * The patch convolution [d, 3, p, p] as a matrix `patch.weight` [d, 3 p p] and a bias that take pixels in [0,1]: the
 * normalisation is folded in.
 */
export async function foldPatches(read: ReadWeights, { mean, std }: Normalisation): Promise<Map<string, WeightTensor>> {
  const name = 'vision_model.embeddings.patch_embedding.weight'
  const { shape, data } = (await read([name])).get(name)!
  const [rows = 0, channels = 0, height = 0, width = 0] = shape
  const perRow = channels * height * width
  const folded = new Float32Array(data.length)
  const bias = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    let constant = 0
    for (let i = 0; i < perRow; i++) {
      const channel = Math.floor(i / (height * width)) as 0 | 1 | 2
      const scaled = data[row * perRow + i]! / std[channel]
      folded[row * perRow + i] = scaled
      constant -= scaled * mean[channel]
    }
    bias[row] = constant
  }
  return new Map([
    ['patch.weight', { shape: [rows, perRow], data: folded }],
    ['patch.bias', { shape: [rows], data: bias }],
  ])
}
