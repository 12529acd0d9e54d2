import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { bindWeights, weightFeeds } from './guidance.js'
import type { GuidanceModel } from './guidance.js'
import { randomClip } from './randomClip.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const tiny = {
  projection_dim: 8,
  vision_config: {
    hidden_size: 24,
    intermediate_size: 40,
    num_hidden_layers: 2,
    num_attention_heads: 3,
    image_size: 64,
    patch_size: 16,
    hidden_act: 'gelu',
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

async function embedGrey(model: GuidanceModel): Promise<Float32Array> {
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const views = graph.input('views', [2, 3, 48, 64])
  const program = await runtime.compile(graph, { embedding: model.embed(views, inputs) })
  const result = await program.run({
    ...weightFeeds(used, runtime),
    views: new runtime.Tensor('float32', new Float32Array(2 * 3 * 48 * 64).fill(0.5), [2, 3, 48, 64]),
  })
  await program.release()
  return result.embedding!.data as Float32Array
}

it('is the same model for the same seed, another for another', async () => {
  const [a, b, c] = [
    await randomClip(tiny, runtime, { seed: 3 }),
    await randomClip(tiny, runtime, { seed: 3 }),
    await randomClip(tiny, runtime, { seed: 4 }),
  ]
  for (const [name, { data }] of a.weights)
    expect(Buffer.compare(Buffer.from(b.weights.get(name)!.data.buffer), Buffer.from(data.buffer)), name).toBe(0)
  const [fromA, fromC] = [await embedGrey(a), await embedGrey(c)]
  expect(fromA).toEqual(await embedGrey(b))
  expect(fromA).not.toEqual(fromC)
  expect(await a.encodeTexts(['a swan'])).toEqual(await b.encodeTexts(['a swan']))
  expect(fromA.every((x) => Number.isFinite(x))).toBe(true)
  expect(fromA.slice(0, 8)).toEqual(fromA.slice(8))
  expect(Math.hypot(...fromA)).toBeGreaterThan(0.1)
})

it('describes itself by its config', async () => {
  const model = await randomClip(tiny, runtime)
  expect(model).toMatchObject({ name: 'clip', embeddingWidth: 8, cell: 16, imageSize: 64, contextLength: 20 })
  expect(model.weights.get('patch.weight')!.shape).toEqual([24, 768])
  expect((await model.encodeTexts(['a', 'b', 'c'])).length).toBe(24)
  expect((await model.encodeTexts([])).length).toBe(0)
})

it('tokenizes by bytes and refuses a text longer than its context', async () => {
  const model = await randomClip(tiny, runtime)
  expect(model.tokenize('a b').ids).toEqual([512, 256 + 64, 256 + 65, 513])
  await expect(model.encodeTexts(['a swan of blue crystal on a lake'])).rejects.toMatchObject({
    code: 'PROMPT_TOO_LONG',
  })
  expect((await model.encodeTexts(['a swan of blue crystal on a lake'], { truncate: true })).length).toBe(8)
})

it('refuses a geometry that cannot be', async () => {
  await expect(randomClip({ text_config: { vocab_size: 100 } }, runtime)).rejects.toThrow('vocab_size of at least 514')
  await expect(randomClip({ vision_config: { patch_size: 30 } }, runtime)).rejects.toThrow(
    'image_size 224 is no multiple of patch_size 30',
  )
  await expect(randomClip({ vision_config: { num_attention_heads: 7 } }, runtime)).rejects.toThrow(
    'hidden_size 768 is no multiple of num_attention_heads 7',
  )
})

it('holds the image tower only: the text tower is free once texts are encoded', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const held = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      collect()
      await new Promise(setImmediate)
    }
    return process.memoryUsage().arrayBuffers / 1e6
  }
  const large = {
    ...tiny,
    text_config: { ...tiny.text_config, hidden_size: 256, intermediate_size: 1024, num_hidden_layers: 4 },
  }
  const megabytes = (4 * 4 * (4 * 256 * 256 + 2 * 256 * 1024)) / 1e6
  const before = await held()
  const model = await randomClip(large, runtime)
  const loaded = await held()
  const embeddings = await model.encodeTexts(['a swan', 'a teapot'])
  const after = await held()
  expect(embeddings.length).toBe(16)
  expect(loaded - before, 'with the image tower').toBeLessThan(megabytes / 10)
  expect(after - loaded, 'after texts').toBeLessThan(megabytes / 10)
})
