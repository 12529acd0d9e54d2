import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { FeatureStore, storeOrigin } from './featureStore.js'
import type { Pair } from './pairs.js'
import { everyPlainView, planViews } from './views.js'

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'store-'))
  await writeFile(join(work, 'trunk.safetensors'), 'weights')
})
afterAll(() => rm(work, { recursive: true, force: true }))

/** The plan of some pairs, of which `tinted` say no colour, so that they may be tinted. */
function planOf(tinted: readonly number[]) {
  const pairs = Array.from({ length: 6 }, (_, i): Pair => ({
    id: String(i),
    shard: '',
    off: 0,
    len: 1,
    w: 128,
    h: 128,
    texts: [tinted.includes(i) ? 'cat' : 'red cat'],
    kind: 'label',
    source: 'caltech101',
  }))
  return planViews(pairs, 6, { seed: 3, counts: everyPlainView })
}

it('refuses features of views that were drawn otherwise, though all that is counted is the same', async () => {
  const store = new FeatureStore(join(work, 'features'))
  await store.claim(storeOrigin(planOf([0, 2, 4]), work))
  await store.claim(storeOrigin(planOf([0, 2, 4]), work))
  await expect(store.claim(storeOrigin(planOf([1, 2, 3]), work))).rejects.toThrow('holds features of other views')
})
