import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Pool, drawBatch, plainByName } from './drawBatch.js'
import { FeatureStore } from './featureStore.js'
import { SENTENCE } from './headTraining.js'
import type { Pair } from './pairs.js'
import { FEATURES } from './trunkFeatures.js'
import { cellsOf, everyPlainView, planViews } from './views.js'

const PAIRS = 60
const STEPS = 20
const sizes = { views: 20, cellsPerView: 1, scenes: 0, regions: 1 }
/** Pairs whose colour or material a person named: beside every third, plain views are made of them. */
const [SHIRT, BOTTLE] = [4, 9]

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'batch-'))
})
afterAll(() => rm(work, { recursive: true, force: true }))

const pairs = Array.from({ length: PAIRS }, (_, i): Pair => ({
  id: String(i),
  shard: '',
  off: 0,
  len: 1,
  w: 128,
  h: 128,
  texts: [i === SHIRT ? 'red shirt' : i === BOTTLE ? 'glass bottle' : 'cat'],
  kind: 'label',
  source: i === BOTTLE ? 'trashnet' : 'fashion',
  ...(i === SHIRT ? { color: 'red' } : {}),
}))
const plan = planViews(pairs, PAIRS, { seed: 3, counts: { ...everyPlainView, plainEvery: 3 } })

it('has plain views of every third picture and of all whose colour or material a person named', () => {
  expect(plan.plain.slice(0, 5)).toEqual([0, 3, 4, 6, 9])
  expect(plan.plain).toHaveLength(21)
  expect(plainByName(plan, 21).named.map((place) => plan.plain[place])).toEqual([SHIRT, BOTTLE])
  const { named, others, share } = plainByName(plan, 3)
  expect({ named, others }).toEqual({ named: [2], others: [0, 1] })
  expect(share).toBeCloseTo(1 / 3, 6)
})

it('draws a quarter of the plain views of those whose colour or material a person named', async () => {
  const store = new FeatureStore(join(work, 'features'))
  await store.write('plain', 0, new Float32Array(plan.plain.length * cellsOf('plain') * FEATURES))
  const seen = { red: 0, glass: 0, cat: 0 }
  const vector = (text: string): Float32Array => {
    seen[text.includes('red') ? 'red' : text.includes('glass') ? 'glass' : 'cat']++
    return new Float32Array(SENTENCE)
  }
  const pool: Pool = {
    plan,
    store,
    sentences: { vector },
    counts: { plain: plan.plain.length, tinted: 0, scene: 0, crop: 0, textured: 0, object: 0, gathered: 0 },
    plain: plainByName(plan, plan.plain.length),
    alike: { tinted: new Map(), object: new Map() },
  }
  for (let step = 0; step < STEPS; step++) drawBatch(pool, sizes, 5, step)
  store.close()
  const views = STEPS * sizes.views
  expect(seen.red + seen.glass + seen.cat).toBe(views)
  expect((seen.red + seen.glass) / views).toBeGreaterThan(0.19)
  expect((seen.red + seen.glass) / views).toBeLessThan(0.31)
  expect(seen.red / views).toBeGreaterThan(0.07)
})
