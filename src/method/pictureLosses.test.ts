import { expect, it } from 'vitest'
import { relativeError } from '../../test/support/readFixture.js'
import { gradients } from '../engine/gradients.js'
import { Graph, sizeOf } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { add } from '../engine/ops.js'
import { type RandomStream, randomStream } from '../engine/random.js'
import { tensorOf } from '../engine/runtime.js'
import type { GuidanceModel } from '../models/guidance.js'
import { randomClip } from '../models/randomClip.js'
import { resolveSettings } from '../options/resolveSettings.js'
import type { PresetName } from '../options/presets.js'
import { pictureLosses } from './pictureLosses.js'
import { drawStepViews } from './stepDraws.js'
import { viewFeeds } from './stepFeeds.js'

const size = { height: 40, width: 60 }
const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })

/** The losses of one picture by a small CLIP, and the batches that they send through its image tower, in views. */
async function lossesOf(
  preset: PresetName,
  { patchSize = 32, views = 4, fields = {} }: { patchSize?: number; views?: number; fields?: Partial<GuidanceModel> },
) {
  const clip = await randomClip(
    {
      projection_dim: 8,
      vision_config: {
        hidden_size: 24,
        intermediate_size: 40,
        num_hidden_layers: 2,
        num_attention_heads: 3,
        image_size: 224,
        patch_size: patchSize,
      },
      text_config: {
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        vocab_size: 514,
        max_position_embeddings: 20,
      },
    },
    runtime,
  )
  const batches: number[] = []
  const model: GuidanceModel = {
    ...clip,
    ...fields,
    embed(pictures, weights) {
      batches.push(pictures.shape[0]!)
      return clip.embed(pictures, weights)
    },
  }
  const settings = resolveSettings([{ preset, prompt: ['golden swan'], region: ['swan'], views }], () => 0)
  const graph = new Graph()
  const picture = (name: string, channels: number) => graph.input(name, [1, channels, size.height, size.width])
  const composite = picture('composite', 3)
  const losses = pictureLosses(
    {
      size,
      settings,
      texts: { composition: 1, screen: 1, direction: 1, region: 1 },
      bootstrap: 'off',
      emphasis: false,
    },
    [model],
    graph,
    { picture: picture('picture', 3), composite, greenScreen: picture('greenScreen', 3), alpha: picture('alpha', 1) },
  )
  expect([...losses.keys()]).toEqual(expect.arrayContaining(['composition', 'directional', 'screen']))
  return { graph, model, settings, losses, composite, batches }
}

const batchesOf = async (...request: Parameters<typeof lossesOf>) => (await lossesOf(...request)).batches

it('encodes what depends on the edit as one batch, and the picture as another', async () => {
  expect(await batchesOf('reference', {})).toEqual([12, 4])
})

it('encodes views that two losses share once', async () => {
  expect(await batchesOf('fast', {})).toEqual([8, 4])
})

it('keeps the sets of a model that gains nothing apart', async () => {
  expect(await batchesOf('reference', { fields: { gainsByBatch: false } })).toEqual([4, 4, 4, 4])
})

it('judges the views of a model with many tokens in parts, one after the other', async () => {
  expect(await batchesOf('reference', { patchSize: 16 })).toEqual([2, 2, 2, 2, 2, 2, 4])
  expect(await batchesOf('reference', { views: 16 })).toEqual([8, 8, 8, 8, 8, 8, 16])
  expect(await batchesOf('reference', { views: 16, fields: { gainsByBatch: false } })).toEqual([16, 16, 16, 16])
})

it('judges views that are smaller than a cell', async () => {
  expect(await batchesOf('reference', { fields: { cell: 448 } })).toEqual([12, 4])
})

it('finds in parts what it finds in one', async () => {
  // The smaller cells are only said to be so: the tower is the same.
  const whole = await lossesOf('reference', { views: 5 })
  const parts = await lossesOf('reference', { views: 5, fields: { cell: 16 } })
  expect([whole.batches, parts.batches]).toEqual([
    [15, 5],
    [3, 2, 3, 2, 3, 2, 5],
  ])
  const found = async ({ graph, model, settings, losses, composite }: typeof whole) => {
    const judged = (['composition', 'directional', 'screen'] as const).map((name) => [name, losses.get(name)!] as const)
    const [pull] = gradients(add(judged[0]![1], judged[1]![1]), [composite])
    const program = await runtime.compile(graph, { ...Object.fromEntries(judged), pull: pull! })
    const noise = randomStream(1, 'feeds')
    const drawn = viewFeeds(drawStepViews(settings, [model], 'picture', 0, size), size, settings)
    const feeds = program.inputs.map(({ name, shape }) => {
      const weight = model.weights.get(name.slice(model.name.length + 1))
      return [name, weight ? tensorOf(weight, runtime) : (drawn[name] ?? uniforms(noise, sizeOf(shape)))] as const
    })
    return Object.entries(await program.run(Object.fromEntries(feeds))).map(([name, { data }]) => [name, data] as const)
  }
  const [once, apart] = [await found(whole), new Map(await found(parts))]
  for (const [name, data] of once) {
    expect(
      (data as Float32Array).some((x) => Math.abs(x) > 1e-6),
      name,
    ).toBe(true)
    expect(relativeError(apart.get(name) as Float32Array, data as Float32Array), name).toBeLessThan(1e-4)
  }
})

const uniforms = (noise: RandomStream, length: number) => Float32Array.from({ length }, () => noise.uniform(0.1, 1))
