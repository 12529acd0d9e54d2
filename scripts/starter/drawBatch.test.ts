import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Pool, drawBatch } from './drawBatch.js'
import { FeatureStore } from './featureStore.js'
import { SENTENCE } from './headTraining.js'
import type { Pair } from './pairs.js'
import { FEATURES } from './trunkFeatures.js'
import { cellsOf, planViews } from './views.js'

const PAIRS = 12
const STEPS = 20
const sizes = { views: 20, cellsPerView: 1, scenes: 0, regions: 1 }

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'batch-'))
})
afterAll(() => rm(work, { recursive: true, force: true }))

/** The share of views that are of red shirts, of which a person named the colour: one pair in twelve. */
async function shareOfNamed(color: string | undefined): Promise<number> {
  const pairs = Array.from({ length: PAIRS }, (_, i): Pair => ({
    id: String(i),
    shard: '',
    off: 0,
    len: 1,
    w: 128,
    h: 128,
    texts: [i === 0 ? 'red shirt' : 'cat'],
    kind: 'label',
    source: 'fashion',
    ...(i === 0 && color ? { color } : {}),
  }))
  const none = { scenes: 0, cleanScenes: 0, objects: 0, cleanObjects: 0, gathered: 0, cleanGathered: 0 }
  const plan = planViews(pairs, PAIRS, { seed: 3, counts: { plainEvery: 1, ...none } })
  const store = new FeatureStore(join(work, `features ${color}`))
  await store.write('plain', 0, new Float32Array(PAIRS * cellsOf('plain') * FEATURES))
  let red = 0
  const vector = (text: string): Float32Array => {
    if (text.includes('red')) red++
    return new Float32Array(SENTENCE)
  }
  const pool: Pool = {
    plan,
    store,
    sentences: { vector },
    counts: { plain: PAIRS, tinted: 0, scene: 0, crop: 0, textured: 0, object: 0, gathered: 0 },
    alike: { tinted: new Map(), object: new Map() },
  }
  for (let step = 0; step < STEPS; step++) drawBatch(pool, sizes, 5, step)
  return red / (STEPS * sizes.views)
}

it('draws pictures whose colour a person named more often than others', async () => {
  expect(await shareOfNamed(undefined)).toBeLessThan(0.15)
  expect(await shareOfNamed('red')).toBeGreaterThan(0.25)
})
