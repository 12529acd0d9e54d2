import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { randomStream } from '../../src/engine/random.js'
import { readSafetensors } from '../../src/formats/safetensors.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import { type Pool, plainByName, viewsByLabel } from './drawBatch.js'
import { FeatureStore } from './featureStore.js'
import { PROJECTION, SENTENCE } from './headTraining.js'
import type { Pair } from './pairs.js'
import { type TrainSettings, trainHead } from './trainHead.js'
import { FEATURES, readStarterConfig } from './trunkFeatures.js'
import { type ViewKind, cellsOf, drawView, planViews, viewCount } from './views.js'

const config = readStarterConfig(fileURLToPath(new URL('../../models/starter', import.meta.url)))
const settings: TrainSettings = {
  seed: 3,
  steps: 14,
  warmup: 2,
  learningRate: 3e-3,
  sizes: { views: 12, cellsPerView: 4, scenes: 3, regions: 3 },
}
const labels = ['cat', 'car', 'tree']

let work: string
let pool: Pool
const losses = new Map<string, number[]>()

/**
 * A store of features that a label's pictures share, so that there is something to learn: the label's own direction and
 * noise.
 */
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'starter-'))
  const pairs = Array.from({ length: 12 }, (_, i): Pair => ({
    id: String(i),
    shard: '',
    off: 0,
    len: 1,
    w: 128,
    h: 128,
    texts: [labels[i % 3]!],
    kind: 'label',
    source: 'caltech101',
  }))
  const plan = planViews(pairs, 12, {
    seed: 3,
    counts: { plainEvery: 1, scenes: 12, cleanScenes: 12, objects: 0, cleanObjects: 0, gathered: 0, cleanGathered: 0 },
  })
  const store = new FeatureStore(join(work, 'features'))
  const noise = randomStream(1, 'features')
  const direction = (name: string, n: number): Float32Array => {
    const random = randomStream(2, name)
    return Float32Array.from({ length: n }, () => random.uniform(-1, 1))
  }
  for (const kind of ['plain', 'tinted', 'scene'] as const satisfies ViewKind[]) {
    const rows = Array.from({ length: viewCount(plan, kind) }, (_, i) => {
      const own = direction(pairs[drawView(plan, kind, i).ground.pair]!.texts[0]!, FEATURES)
      return Float32Array.from(
        { length: cellsOf(kind) * FEATURES },
        (_, k) => own[k % FEATURES]! + noise.uniform(-0.5, 0.5),
      )
    })
    const all = new Float32Array(rows.length * rows[0]!.length)
    rows.forEach((row, i) => all.set(row, i * row.length))
    await store.write(kind, 0, all)
  }
  pool = {
    plan,
    store,
    sentences: { vector: (text) => direction(text, SENTENCE).map((x) => x / Math.sqrt(SENTENCE / 3)) },
    counts: { plain: 12, tinted: 6, scene: 12, crop: 0, textured: 0, object: 0, gathered: 0 },
    plain: plainByName(plan, 12),
    alike: { tinted: viewsByLabel(plan, 'tinted', 6), object: new Map() },
  }
})

afterAll(() => rm(work, { recursive: true, force: true }))

/** Trains until the end, or until `stopAfter` steps are saved. */
async function train(name: string, stopAfter = Infinity, from?: string): Promise<Map<string, Float32Array>> {
  const checkpoint = join(work, `${name}.safetensors`)
  const stop = new AbortController()
  const seen = losses.get(name) ?? []
  losses.set(name, seen)
  await trainHead({
    config,
    pool,
    settings,
    checkpoint,
    from,
    keepTexts: from !== undefined,
    every: 100,
    threads: 1,
    say: () => undefined,
    signal: stop.signal,
    onStep: ({ step, contrastive }) => {
      seen.push(contrastive)
      if (step >= stopAfter) stop.abort()
    },
  })
  const { tensors } = readSafetensors(new Uint8Array(await readFile(checkpoint)))
  return new Map([...tensors].map(([key, tensor]) => [key, toFloat32(tensor)]))
}

it('learns, and goes on after a stop as if there had been none, bit for bit', async () => {
  const whole = await train('whole')
  await train('stopped', 5)
  expect(losses.get('stopped')).toHaveLength(5)
  const resumed = await train('stopped')
  expect(losses.get('stopped')).toEqual(losses.get('whole'))
  expect([...resumed.keys()].sort()).toEqual([...whole.keys()].sort())
  for (const [key, values] of whole) expect(Buffer.compare(bytesOf(resumed.get(key)!), bytesOf(values)), key).toBe(0)

  const mean = (part: number[]): number => part.reduce((sum, x) => sum + x, 0) / part.length
  const all = losses.get('whole')!
  expect(all).toHaveLength(14)
  expect(mean(all.slice(-4))).toBeLessThan(mean(all.slice(0, 4)) * 0.9)
})

it('leaves the texts where a finished model has them if told to, and learns the head, also after a stop', async () => {
  const shipped = fileURLToPath(new URL('../../models/starter', import.meta.url))
  const { tensors } = readSafetensors(new Uint8Array(await readFile(join(shipped, 'text.safetensors'))))
  const projection = toFloat32(tensors.get(PROJECTION)!)
  await train('kept', 2, shipped)
  const kept = await train('kept', 4, shipped)
  expect(kept.get(PROJECTION)).toEqual(projection)
  expect([...kept.keys()].filter((name) => name.startsWith(PROJECTION))).toEqual([PROJECTION])
  const image = readSafetensors(new Uint8Array(await readFile(join(shipped, 'image.safetensors')))).tensors
  expect(kept.get('head.proj.weight')).not.toEqual(toFloat32(image.get('head.proj.weight')!))
  const whole = await train('kept whole', 4, shipped)
  for (const [key, values] of whole) expect(Buffer.compare(bytesOf(kept.get(key)!), bytesOf(values)), key).toBe(0)
})

it('refuses to keep the texts of no model, and to go on with texts that it kept as if it had not', async () => {
  const options = { config, pool, settings, every: 100, threads: 1, say: () => undefined }
  await expect(trainHead({ ...options, checkpoint: join(work, 'none.safetensors'), keepTexts: true })).rejects.toThrow(
    'Expected --from <model> beside --keep-texts',
  )
  const shipped = fileURLToPath(new URL('../../models/starter', import.meta.url))
  await train('changed', 1, shipped)
  await expect(trainHead({ ...options, checkpoint: join(work, 'changed.safetensors'), from: shipped })).rejects.toThrow(
    'is of another training',
  )
})

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

it('refuses to go on from the checkpoint of other settings', async () => {
  await train('other', 1)
  await expect(
    trainHead({
      config,
      pool,
      settings: { ...settings, seed: 4 },
      checkpoint: join(work, 'other.safetensors'),
      every: 100,
      threads: 1,
      say: () => undefined,
    }),
  ).rejects.toThrow('is of another training')
})
