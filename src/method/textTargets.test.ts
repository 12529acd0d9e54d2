import { describe, expect, it } from 'vitest'
import { smallClipConfig } from '../../test/support/smallClipConfig.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { randomStream } from '../engine/random.js'
import { randomClip } from '../models/randomClip.js'
import { drawShares, embedTexts } from './textTargets.js'

const STREAMS = 4000
/** Of a mean share over the streams. */
const MEAN_TOLERANCE = 0.03
/** Embeddings of a text alone and among others. */
const BATCH_TOLERANCE = 1e-5

const sumOf = (shares: Float32Array) => shares.reduce((a, b) => a + b, 0)
const drawn = (count: number, sampling: 'subset' | 'one') =>
  Array.from({ length: STREAMS }, (_, step) => drawShares(randomStream(2, 'texts', step), count, sampling))

describe('drawShares', () => {
  it.each(['subset', 'one'] as const)('%s: shares sum to 1, and no text is preferred', (sampling) => {
    const count = 5
    const all = drawn(count, sampling)
    for (const shares of all) expect(sumOf(shares)).toBeCloseTo(1, 6)
    for (let i = 0; i < count; i++) {
      const mean = all.reduce((sum, shares) => sum + shares[i]!, 0) / STREAMS
      expect(Math.abs(mean - 1 / count), `text ${i}`).toBeLessThan(MEAN_TOLERANCE)
    }
  })

  it('one: a single text', () => {
    for (const shares of drawn(14, 'one')) expect([...shares].sort().slice(-2)).toEqual([0, 1])
  })

  it('subset: 1 to all of the texts, with replacement', () => {
    const count = 4
    const all = drawn(count, 'subset')
    // n ~ U{1..4} texts with replacement are one and the same with probability 4^(1 - n): (1 + 1/4 + 1/16 + 1/64) / 4.
    const single = all.filter((shares) => shares.includes(1)).length / STREAMS
    expect(Math.abs(single - (1 + 1 / 4 + 1 / 16 + 1 / 64) / 4)).toBeLessThan(MEAN_TOLERANCE)
    // All four differ only if four were drawn: 4! / 4^4 of a quarter.
    const even = all.filter((shares) => shares.every((share) => share === 0.25)).length / STREAMS
    expect(Math.abs(even - 24 / 256 / 4)).toBeLessThan(MEAN_TOLERANCE / 2)
    expect(
      all.some((shares) => shares.includes(0.75)),
      'a text drawn three times of four',
    ).toBe(true)
  })

  it('has nothing to choose from one text', () => {
    expect([...drawShares(randomStream(1, 'texts'), 1, 'subset')]).toEqual([1])
  })
})

describe('embedTexts', () => {
  it('embeds prompts and sources in 14 templates, screens in 2, regions as they are; directions are differences', async () => {
    const clip = await randomClip(
      smallClipConfig({
        projection: 6,
        vision: { hidden_size: 8, intermediate_size: 8, image_size: 64, patch_size: 32 },
        text: { max_position_embeddings: 60 },
      }),
      createNodeRuntime({ device: 'cpu', threads: 1 }),
    )
    const texts = {
      prompt: ['golden swan', 'swan of gold'],
      screen: ['gold'],
      source: ['swan'],
      region: ['swan', 'bird'],
    }
    const targets = await embedTexts(clip, texts, false)
    expect(targets.composition.shape).toEqual([28, 6])
    expect(targets.screen.shape).toEqual([2, 6])
    expect(targets.region!.shape).toEqual([2, 6])
    // A source in 14 templates: further wordings of the prompt have no partner.
    expect(targets.direction.shape).toEqual([14, 6])

    const row = ({ data }: { data: Float32Array }, i: number) => [...data.slice(6 * i, 6 * i + 6)]
    const alone = async (text: string) => [...(await clip.encodeTexts([text]))]
    const close = (a: number[], b: number[]) =>
      expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeLessThan(BATCH_TOLERANCE)
    close(row(targets.composition, 0), await alone('photo of golden swan.'))
    close(row(targets.composition, 27), await alone('swan of gold...'))
    close(row(targets.screen, 1), await alone('gold in front of a green screen.'))
    close(row(targets.region!, 1), await alone('bird'))
    const [to, from] = [await alone('the golden swan.'), await alone('the swan.')]
    close(
      row(targets.direction, 8),
      to.map((x, i) => x - from[i]!),
    )
    expect(Math.hypot(...row(targets.direction, 8))).toBeGreaterThan(0.01)

    expect((await embedTexts(clip, { ...texts, region: [] }, false)).region).toBeNull()
    await expect(embedTexts(clip, { ...texts, prompt: ['x'.repeat(80)] }, false)).rejects.toMatchObject({
      code: 'PROMPT_TOO_LONG',
    })
    expect((await embedTexts(clip, { ...texts, prompt: ['x'.repeat(80)] }, true)).composition.shape).toEqual([14, 6])
  })
})
