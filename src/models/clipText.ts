import { Graph } from '../engine/graph.js'
import { normalizeRows } from '../engine/ops.js'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { ClipTextConfig } from './clipConfig.js'
import { bindWeights, weightFeeds } from './guidance.js'
import type { WeightTensor } from './guidance.js'
import { linear, transformerBlock } from './transformerBlock.js'
import type { TransformerShape } from './transformerBlock.js'

/**
 * The text tower's weights: folded blocks and projection, and the embeddings of tokens [vocabulary, d] and positions
 * [context, d].
 */
export interface ClipTextWeights {
  readonly folded: ReadonlyMap<string, WeightTensor>
  readonly tokens: WeightTensor
  readonly positions: WeightTensor
}

/** Texts in one run of the tower; more would only grow its activations. */
const batch = 16

/** Token ids (begin and end included) of N texts -> embeddings [N, D], not normalised, row-major. */
export async function encodeClipTexts(
  ids: readonly (readonly number[])[],
  config: ClipTextConfig,
  weights: ClipTextWeights,
  runtime: Runtime,
): Promise<Float32Array> {
  const D = weights.folded.get('project.bias')!.shape[0]!
  const embeddings = new Float32Array(ids.length * D)
  for (let from = 0; from < ids.length; from += batch) {
    embeddings.set(await encodeBatch(ids.slice(from, from + batch), config, weights, runtime), from * D)
  }
  return embeddings
}

/**
 * One run. A text's embedding is read at its end token, and under the causal mask no token sees what follows it: so the
 * batch is only as long as its longest text, and what pads the shorter ones does not matter.
 */
async function encodeBatch(
  ids: readonly (readonly number[])[],
  config: ClipTextConfig,
  weights: ClipTextWeights,
  runtime: Runtime,
): Promise<Float32Array> {
  const N = ids.length
  const t = Math.max(...ids.map((text) => text.length))
  const d = config.hidden_size
  const graph = new Graph()
  const { inputs: w, used } = bindWeights(graph, { name: 'clip-text', weights: weights.folded })
  const shape: TransformerShape = {
    items: N,
    tokens: t,
    heads: config.num_attention_heads,
    eps: config.layer_norm_eps,
    activation: config.hidden_act,
    mask: graph.constant(causalMask(t), [t, t]),
  }
  let x = graph.input('embedded', [N * t, d])
  for (let block = 0; block < config.num_hidden_layers; block++) x = transformerBlock(x, block, shape, w)
  const program = await runtime.compile(graph, {
    projected: linear(normalizeRows(x, config.layer_norm_eps), 'project', w),
  })
  try {
    const { projected } = await program.run({
      ...weightFeeds(used, runtime),
      embedded: new runtime.Tensor('float32', embedTokens(ids, t, d, weights), [N * t, d]),
    })
    const all = (await projected!.getData()) as Float32Array
    const D = all.length / (N * t)
    const embeddings = new Float32Array(N * D)
    ids.forEach((text, n) =>
      embeddings.set(all.subarray((n * t + text.length - 1) * D, (n * t + text.length) * D), n * D),
    )
    return embeddings
  } finally {
    await program.release()
  }
}

/** Rows of the two embedding tables, added: only the rows that are used ever reach the graph. */
function embedTokens(
  ids: readonly (readonly number[])[],
  t: number,
  d: number,
  { tokens, positions }: ClipTextWeights,
): Float32Array {
  const embedded = new Float32Array(ids.length * t * d)
  ids.forEach((text, n) =>
    text.forEach((id, position) => {
      const at = (n * t + position) * d
      if (id >= tokens.shape[0]!) {
        throw new Text2LiveError(
          'GUIDANCE_INVALID',
          `The tokenizer gives token ${id}, the text tower knows ${tokens.shape[0]}. Use the tokenizer files and the weights of the same ` +
            'model.',
        )
      }
      for (let i = 0; i < d; i++) embedded[at + i] = tokens.data[id * d + i]! + positions.data[position * d + i]!
    }),
  )
  return embedded
}

/** [t, t]: 0 on and below the diagonal, above it so low that softmax gives 0. */
function causalMask(t: number): Float32Array {
  return new Float32Array(t * t).map((_, i) => (i % t > Math.floor(i / t) ? -1e9 : 0))
}
