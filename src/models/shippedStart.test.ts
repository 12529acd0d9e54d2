import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import type { GuidanceModel } from './guidance.js'
import { type LearnedStart, loadStart } from './learnedStart.js'
import { loadGuidance } from './loadGuidance.js'
import { folderSource } from './node/folderSource.js'
import { type Reading, readDirection, unit } from './phraseReading.js'

const model = async (name: string) =>
  await folderSource(fileURLToPath(new URL(`../../models/${name}`, import.meta.url)))

let [start, guidance]: [LearnedStart, GuidanceModel] = [undefined!, undefined!]
beforeAll(async () => {
  start = await loadStart(await model('start'))
  guidance = await loadGuidance(await model('starter'), createNodeRuntime({ device: 'cpu', threads: 2 }))
})

/** From "a photo of" the source to that of the prompt. */
async function direction(prompt: string, source: string): Promise<Float32Array> {
  const d = guidance.embeddingWidth
  const rows = await guidance.encodeTexts([`a photo of a ${prompt}`, `a photo of a ${source}`])
  return unit(Float32Array.from({ length: d }, (_, i) => rows[i]! - rows[d + i]!))
}

const read = async (prompt: string, source: string): Promise<Reading> =>
  readDirection(await direction(prompt, source), start.conditioned.phrases)

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0)

describe('the learned start that ships', () => {
  it('hears the same in a look whatever is to have it', async () => {
    for (const [look, phrase] of [
      ['golden', 'golden {}'],
      ['blue', 'blue {}'],
      ['wooden', 'wooden {}'],
    ] as const) {
      const things = ['teapot', 'dress', 'trumpet']
      const [first, ...others] = await Promise.all(things.map((thing) => read(`${look} ${thing}`, thing)))
      const [raw, ...rawOthers] = await Promise.all(things.map((thing) => direction(`${look} ${thing}`, thing)))
      expect(first).toMatchObject({ heard: [phrase], share: 1 })
      for (const other of others) expect(cosine(first!.direction, other.direction)).toBeGreaterThan(0.999)
      for (const other of rawOthers) expect(cosine(raw!, other)).toBeLessThan(0.95)
    }
  })

  it('hears two looks', async () => {
    const { heard, share } = await read('red knitted hat', 'hat')
    expect(new Set(heard)).toEqual(new Set(['red {}', 'knitted {}']))
    expect(share).toBe(1)
  })

  it('hears what a thing of another look is to be', async () => {
    for (const [prompt, source, phrase] of [
      ['golden car', 'silver car', 'golden {}'],
      ['blue dog', 'brown dog', 'blue {}'],
    ] as const) {
      const { heard, share } = await read(prompt, source)
      expect(heard).toEqual([phrase])
      expect(share).toBeGreaterThan(0.9)
    }
  })

  it('tells what nothing was taught like', async () => {
    expect(await read('jade teapot', 'teapot')).toMatchObject({ heard: [], share: 0 })
    expect(await read('zebra', 'horse')).toMatchObject({ heard: [], share: 0 })
  })
})
