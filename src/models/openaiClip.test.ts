import { zipSync } from 'fflate'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { RandomAccess } from '../formats/zipEntries.js'
import { clipTextShapes, clipVisionShapes } from './clipWeights.js'
import { openOpenaiClip } from './openaiClip.js'

const fixture = (name: string): Promise<Uint8Array> =>
  readFile(new URL(`../../test/fixtures/pytorch/${name}`, import.meta.url))
const inMemory = (bytes: Uint8Array): RandomAccess => ({
  location: 'ViT-B-32.pt',
  size: bytes.length,
  read: (start, end) => Promise.resolve(bytes.slice(start, end)),
})

interface Samples {
  readonly shape: number[]
  readonly sum: number
  readonly at: number[]
  readonly values: number[]
}

describe('openOpenaiClip', () => {
  it('reads the sizes of the model off its shapes', async () => {
    const { config } = await openOpenaiClip(inMemory(await fixture('openaiClip.pt')))
    expect(config.projection_dim).toBe(32)
    expect(config.vision_config).toMatchObject({
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 1,
      image_size: 48,
      patch_size: 16,
      hidden_act: 'quick_gelu',
    })
    expect(config.text_config).toMatchObject({
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      vocab_size: 40,
      max_position_embeddings: 9,
      hidden_act: 'quick_gelu',
    })
  })

  it('gives every weight of the Hugging Face layout, split and transposed as that has it', async () => {
    const { config, read } = await openOpenaiClip(inMemory(await fixture('openaiClip.pt')))
    const expected = JSON.parse(new TextDecoder().decode(await fixture('openaiClip.json'))) as Record<string, Samples>
    const shapes = new Map([...clipVisionShapes(config), ...clipTextShapes(config)])
    expect([...shapes.keys()].sort()).toEqual(Object.keys(expected).sort())
    const weights = await read(shapes.keys())
    for (const [name, { shape, sum, at, values }] of Object.entries(expected)) {
      const { shape: came, data } = weights.get(name)!
      expect(came, name).toEqual(shape)
      expect(
        at.map((i) => data[i]),
        name,
      ).toEqual(values.map(Math.fround))
      expect(
        data.reduce((total, x) => total + x, 0),
        name,
      ).toBeCloseTo(sum, 4)
    }
  })

  it('refuses other networks and files', async () => {
    await expect(openOpenaiClip(inMemory(await fixture('state.pt')))).rejects.toMatchObject({
      code: 'GUIDANCE_INVALID',
      message: expect.stringContaining('no tensor "visual.conv1.weight"') as string,
    })
    const hostile = zipSync(
      { 'ViT-B-32/data.pkl': Uint8Array.from('cos\nsystem\n)R.', (c) => c.charCodeAt(0)) },
      { level: 0 },
    )
    await expect(openOpenaiClip(inMemory(hostile))).rejects.toMatchObject({ code: 'PICKLE_UNSAFE' })
  })
})
