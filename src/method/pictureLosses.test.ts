import { expect, it } from 'vitest'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { Graph } from '../engine/graph.js'
import type { GuidanceModel } from '../models/guidance.js'
import { randomClip } from '../models/randomClip.js'
import { resolveSettings } from '../options/resolveSettings.js'
import type { PresetName } from '../options/presets.js'
import { pictureLosses } from './pictureLosses.js'

/** The batches that the losses of one picture send through the image tower, in views. */
async function batchesOf(
  preset: PresetName,
  patchSize: number,
  fields: Partial<GuidanceModel> = {},
): Promise<number[]> {
  const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
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
    embed(views, weights) {
      batches.push(views.shape[0]!)
      return clip.embed(views, weights)
    },
  }
  const settings = resolveSettings([{ preset, prompt: ['golden swan'], region: ['swan'], views: 4 }], () => 0)
  const size = { height: 40, width: 60 }
  const graph = new Graph()
  const picture = (name: string, channels: number) => graph.input(name, [1, channels, size.height, size.width])
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
    {
      picture: picture('picture', 3),
      composite: picture('composite', 3),
      greenScreen: picture('greenScreen', 3),
      alpha: picture('alpha', 1),
    },
  )
  expect([...losses.keys()]).toEqual(expect.arrayContaining(['composition', 'directional', 'screen']))
  return batches
}

it('encodes what depends on the edit as one batch, and the picture as another', async () => {
  expect(await batchesOf('reference', 32)).toEqual([12, 4])
})

it('encodes views that two losses share once', async () => {
  expect(await batchesOf('fast', 32)).toEqual([8, 4])
})

it('keeps the sets of a model that gains nothing apart', async () => {
  expect(await batchesOf('reference', 32, { gainsByBatch: false })).toEqual([4, 4, 4, 4])
})

it('keeps the sets of a model with many tokens apart', async () => {
  expect(await batchesOf('reference', 16)).toEqual([4, 4, 4, 4])
})
