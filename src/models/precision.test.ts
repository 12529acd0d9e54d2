import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Graph } from '../engine/graph.js'
import { gradients } from '../engine/gradients.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { mul, reduceSum } from '../engine/ops.js'
import { integerProductsAreExact } from '../engine/ops/quantized.js'
import { randomStream } from '../engine/random.js'
import type { Program, Runtime } from '../engine/runtime.js'
import { createClip } from './clip.js'
import { parseClipConfig } from './clipConfig.js'
import type { ReadWeights } from './clipWeights.js'
import { type GuidanceModel, bindWeights, weightFeeds } from './guidance.js'
import { loadGuidance } from './loadGuidance.js'
import { folderSource } from './node/folderSource.js'
import { requireIntegerProducts } from './precision.js'
import { randomClip, randomClipWeights } from './randomClip.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const exact = await integerProductsAreExact(runtime)
const small = {
  projection_dim: 32,
  vision_config: {
    hidden_size: 96,
    intermediate_size: 384,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    image_size: 64,
    patch_size: 16,
  },
  text_config: {
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    vocab_size: 514,
    max_position_embeddings: 20,
  },
}

/** Embeddings of noise, and the gradient of its pixels. */
async function answers(model: GuidanceModel): Promise<{ embedding: Float32Array; pixels: Float32Array }> {
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const views = graph.input('views', [3, 3, 64, 64])
  const embedding = model.embed(views, inputs)
  const direction = graph.input('direction', embedding.shape)
  const [pixels] = gradients(reduceSum(mul(embedding, direction)), [views])
  const program = await runtime.compile(graph, { embedding, pixels: pixels! })
  const draws = randomStream(5, 'answers')
  const drawn = (length: number) => Float32Array.from({ length }, () => draws.uniform(0, 1))
  const found = await program.run({
    ...weightFeeds(used, runtime),
    views: drawn(3 * 3 * 64 * 64),
    direction: drawn(3 * 32),
  })
  await program.release()
  return { embedding: found.embedding!.data as Float32Array, pixels: found.pixels!.data as Float32Array }
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

/** Names of the matrices of the blocks that are codes. */
const codesOf = ({ weights }: GuidanceModel) =>
  [...weights].filter(([, { data }]) => data instanceof Int8Array).map(([name]) => name)
const blockBytes = ({ weights }: GuidanceModel) =>
  [...weights].reduce((sum, [name, { data }]) => sum + (name.startsWith('blocks.') ? data.byteLength : 0), 0)

/** An engine on a processor whose sums of two neighbouring products stop at 16 bits, as those of x86 without VNNI. */
function saturating(engine: Runtime): Runtime {
  return {
    ...engine,
    async compile(...asked) {
      const program = await engine.compile(...asked)
      const run: Program['run'] = (feeds) => {
        const { a, b } = feeds as unknown as Record<'a' | 'b', { dims: readonly number[]; data: ArrayLike<number> }>
        const [[n = 0, k = 0], m = 0] = [a.dims, b.dims[1]]
        const sums = Float32Array.from({ length: n * m }, (_, at) => {
          const [row, column] = [Math.floor(at / m), at % m]
          const product = (i: number) => a.data[row * k + i]! * b.data[i * m + column]!
          let sum = 0
          for (let i = 0; i < k; i += 2) sum += Math.min(32767, Math.max(-32768, product(i) + product(i + 1)))
          return sum
        })
        return Promise.resolve({ sums: new engine.Tensor('float32', sums, [n, m]) })
      }
      return { ...program, run }
    },
  }
}

describe('the precision int8', () => {
  it('is refused where its products are wrong or gain nothing', async () => {
    const refused = { code: 'PRECISION_UNAVAILABLE' }
    await expect(requireIntegerProducts({ ...runtime, device: 'webgpu' })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('the models run on webgpu. Use --precision float32, or --device cpu.') as string,
    })
    await expect(requireIntegerProducts({ ...runtime, native: false })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('WebAssembly') as string,
    })
    await expect(requireIntegerProducts(saturating(runtime))).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("this one's sums come out too small") as string,
    })
    await expect(randomClip(small, saturating(runtime), { precision: 'int8' })).rejects.toMatchObject(refused)
  })

  it('is refused for the starter model, which is no transformer', async () => {
    const starter = await folderSource(fileURLToPath(new URL('../../models/starter', import.meta.url)))
    await expect(loadGuidance(starter, runtime, { precision: 'int8' })).rejects.toMatchObject({
      code: 'PRECISION_UNAVAILABLE',
      message: expect.stringContaining('name a CLIP with --guidance') as string,
    })
  })

  it.runIf(exact)('keeps a quarter of the weights and answers nearly the same', async () => {
    const [float32, int8] = [await randomClip(small, runtime), await randomClip(small, runtime, { precision: 'int8' })]
    expect(codesOf(float32)).toEqual([])
    expect(codesOf(int8)).toHaveLength(3 * 6)
    expect(blockBytes(int8) / blockBytes(float32)).toBeLessThan(0.28)
    const [wanted, found, again] = [await answers(float32), await answers(int8), await answers(int8)]
    expect(cosine(found.embedding, wanted.embedding)).toBeGreaterThan(0.999)
    expect(cosine(found.pixels, wanted.pixels)).toBeGreaterThan(0.995)
    expect(found.pixels).not.toEqual(wanted.pixels)
    expect(again).toEqual(found)
    expect(await int8.encodeTexts(['a swan'])).toEqual(await float32.encodeTexts(['a swan']))
  })

  it.runIf(exact)('leaves a layer in float32 whose numbers are too uneven', async () => {
    const config = parseClipConfig({ model_type: 'clip', ...small })
    const random = randomClipWeights(config, 0)
    // One hidden number of the second block is large for every token.
    const planted = 'vision_model.encoder.layers.1.mlp.fc1.bias'
    const read: ReadWeights = async (names) => {
      const tensors = await random(names)
      const bias = tensors.get(planted)
      if (bias) bias.data[7] = 80
      return tensors
    }
    const tokenize = () => ({ ids: [512, 513] })
    const open = (precision: 'float32' | 'int8') => createClip({ config, read, tokenize, runtime, precision })
    const int8 = await open('int8')
    expect(codesOf(int8)).toHaveLength(3 * 6 - 1)
    expect(int8.weights.get('blocks.1.fc2.weight')!.data).toBeInstanceOf(Float32Array)
    expect(int8.weights.has('blocks.1.fc2.scales')).toBe(false)
    expect(int8.notes).toEqual([expect.stringMatching(/^precision: blocks\.1\.fc2 of the image tower in float32/)])
    const [wanted, found] = [await answers(await open('float32')), await answers(int8)]
    expect(cosine(found.pixels, wanted.pixels)).toBeGreaterThan(0.995)
  })
})
