import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lumaAt, lumaOf } from '../../src/media/luma.js'
import { colours, shadeOf } from './colours.js'
import { finishes, withGrainOf } from './finishes.js'
import { substances } from './materials.js'
import { MASK_SIDE, MaskStore, type ObjectMasks, maskCandidates, objectLabel } from './objectMasks.js'
import { type Pair, PairFolder } from './pairs.js'
import { renderView } from './renderView.js'
import { type Layer, type Look, type View, type ViewPlan, drawView, planViews, regionShares } from './views.js'

/**
 * A grey ramp; the object is its right half, but for the first pair that may have a mask, whose mask is unsure
 * everywhere.
 */
const SIDE = 64
const SIZE = 96

let work: string
let folder: PairFolder
let masks: ObjectMasks
let plan: ViewPlan

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'views-'))
  const ramp = Buffer.from(Array.from({ length: 3 * SIDE * SIDE }, (_, k) => 60 + 2 * (Math.floor(k / 3) % SIDE)))
  const jpeg = await sharp(ramp, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer()
  const rows = ['vase', 'cup', 'lamp', 'red chair'].map((text, i): Pair => ({
    id: String(i),
    shard: 'x.bin',
    off: 0,
    len: jpeg.length,
    w: SIDE,
    h: SIDE,
    texts: [text],
    kind: 'label',
    source: 'caltech101',
  }))
  await writeFile(join(work, 'x.bin'), jpeg)
  await writeFile(join(work, 'train.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  folder = new PairFolder(work, 'train')
  const store = new MaskStore(join(work, 'masks'))
  const half = Uint8Array.from({ length: MASK_SIDE ** 2 }, (_, i) => (i % MASK_SIDE >= MASK_SIDE / 2 ? 255 : 0))
  await store.write(0, Uint8Array.from([...new Uint8Array(MASK_SIDE ** 2).fill(128), ...half]))
  masks = store.open(folder.pairs)
  plan = planViews(folder.pairs, 4, {
    seed: 5,
    counts: {
      plainEvery: 1,
      scenes: 0,
      cleanScenes: 0,
      objects: 40,
      cleanObjects: 40,
      gathered: 40,
      cleanGathered: 40,
    },
    masks,
  })
})

afterAll(async () => {
  folder.close()
  await rm(work, { recursive: true, force: true })
})

const layer = (changes: Partial<Layer> = {}): Layer => ({
  pair: 2,
  window: null,
  flip: false,
  look: null,
  within: null,
  ...changes,
})
const alone = (ground: Layer): View => ({ size: SIZE, ground, pasted: [] })
/** Largest change of the pixels on one side, clear of the rim. */
function change(a: Float32Array, b: Float32Array, side: 'left' | 'right'): number {
  return Math.max(
    ...a.map((x, at) => {
      const column = (at % SIZE) / SIZE
      return side === 'left' ? (column < 0.45 ? Math.abs(x - b[at]!) : 0) : column > 0.55 ? Math.abs(x - b[at]!) : 0
    }),
  )
}

describe('masks', () => {
  it('are asked for every second picture of a thing that can be called without a colour, and kept where they are sure', () => {
    expect(folder.pairs.map(objectLabel)).toEqual(['vase', 'cup', 'lamp', null])
    expect(maskCandidates(folder.pairs)).toEqual([0, 2])
    expect([0, 1, 2].map((i) => masks.has(i))).toEqual([false, false, true])
    expect(masks.box(2)).toMatchObject({ left: 0.5, top: 0, width: 0.5, height: 1, aspect: 0.5 })
    expect(masks.at(2, 0.75, 0.5)).toBe(1)
    expect(masks.at(2, 0.25, 0.5)).toBe(0)
  })
})

const indexOf = (colour: string): number => colours.findIndex(({ name }) => name === colour)

describe('a look', () => {
  const looks: [string, Look][] = [
    ['blue', { of: 'colour', index: indexOf('blue'), shade: { hue: 0, light: 0 } }],
    ['gold', { of: 'colour', index: indexOf('gold'), shade: { hue: 1, light: -1 } }],
    ['a material', { of: 'material', index: 0, picture: 0 }],
    ...substances.map(({ name, picture }, index): [string, Look] => [
      name,
      { of: 'substance', index, picture: picture ? 0 : null, seed: 1 },
    ]),
    ...finishes.map(({ forms }, index): [string, Look] => [forms[0]!, { of: 'finish', index, seed: 1 }]),
  ]
  it.each(looks)('%s changes the object and, but for flames, nothing beside it', async (name, look) => {
    const before = await renderView(alone(layer()), folder, masks)
    const after = await renderView(alone(layer({ look, within: 'object' })), folder, masks)
    expect(change(before, after, 'right')).toBeGreaterThan(0.05)
    if (name !== 'fire') expect(change(before, after, 'left')).toBe(0)
    expect(after.every((x) => x >= 0 && x <= 1)).toBe(true)
  })

  it('of wood bears its grain, beside the colours of wood', async () => {
    const { data } = await sharp(folder.jpeg(folder.pairs[2]!)).raw().toBuffer({ resolveWithObject: true })
    const plane = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, at) => {
      const [c, i] = [Math.floor(at / SIDE ** 2), at % SIDE ** 2]
      return data[3 * i + c]! / 255
    })
    const photo = { width: SIDE, height: SIDE, channels: 3, data: plane } as const
    const all = new Float32Array(SIDE * SIDE).fill(1)
    const wood = finishes.find(({ grain }) => grain === 'wood')!
    const grained = withGrainOf(wood, photo, all, { seed: 1, strength: 1 })
    expect(Math.max(...grained.data.map((x, i) => Math.abs(x - plane[i]!)))).toBeGreaterThan(0.05)
    expect(withGrainOf(wood, photo, all, { seed: 1, strength: 0 })).toBe(photo)
    expect(withGrainOf({ ...wood, grain: null }, photo, all, { seed: 1, strength: 1 })).toBe(photo)
    const look = { of: 'finish', index: finishes.indexOf(wood) } as const
    const [one, other] = [
      await renderView(alone(layer({ look: { ...look, seed: 1 } })), folder, masks),
      await renderView(alone(layer({ look: { ...look, seed: 2 } })), folder, masks),
    ]
    expect(one).not.toEqual(other)
  })

  it('follows the photo when it is mirrored', async () => {
    const look = looks[0]![1]
    const before = await renderView(alone(layer({ flip: true })), folder, masks)
    const after = await renderView(alone(layer({ flip: true, look, within: 'object' })), folder, masks)
    expect(change(before, after, 'right')).toBe(0)
    expect(change(before, after, 'left')).toBeGreaterThan(0.2)
  })

  it('keeps the shading of the object', async () => {
    const after = await renderView(alone(layer({ look: looks[0]![1], within: 'object' })), folder, masks)
    const n = SIZE * SIZE
    const bright = (x: number): number => {
      const i = 40 * SIZE + x
      return lumaAt(after, i, n)
    }
    expect(bright(60)).toBeLessThan(bright(75))
    expect(bright(75)).toBeLessThan(bright(90))
  })
})

describe('shades of a colour', () => {
  const shade = (name: string, hue: number, light = 0) => shadeOf(colours[indexOf(name)]!, { hue, light }).rgb
  it('are turned towards yellow or away from it, and lighter or darker', () => {
    const [r, g, b] = shade('orange', 0)
    expect([r, g, b].map((x) => x.toFixed(6))).toEqual(colours[indexOf('orange')]!.rgb.map((x) => x.toFixed(6)))
    expect(shade('orange', 1)[1]).toBeGreaterThan(g + 0.08)
    expect(shade('orange', -1)[1]).toBeLessThan(g - 0.08)
    expect(lumaOf(...shade('green', 0, 1)) / lumaOf(...shade('green', 0))).toBeCloseTo(1.15, 6)
  })

  it('are none of a metal, and grey of grey', () => {
    expect(shade('gold', 1, 1)).toEqual(colours[indexOf('gold')]!.rgb)
    const [r, g, b] = shade('grey', 1, 1)
    expect(r).toBeGreaterThan(0.55)
    expect([g, b].every((x) => Math.abs(x - r) < 1e-6)).toBe(true)
  })

  it('of one name are no shades of another', () => {
    const steps = [-1, -0.5, 0, 0.5, 1]
    const all = colours.map(({ name }) => steps.flatMap((hue) => steps.map((light) => shade(name, hue, light))))
    for (const [i, some] of all.entries()) {
      for (const [j, others] of all.slice(0, i).entries()) {
        const apart = Math.min(
          ...some.flatMap((a) => others.map((b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]))),
        )
        expect(apart, `${colours[i]!.name} and ${colours[j]!.name}`).toBeGreaterThan(0.1)
      }
    }
  })

  it('are drawn anew for every view', () => {
    const drawn = Array.from({ length: 40 }, (_, i) => drawView(plan, 'object', i).ground.look).flatMap((look) =>
      look?.of === 'colour' ? [look.shade.hue] : [],
    )
    expect(new Set(drawn).size).toBe(drawn.length)
    expect(drawn.length).toBeGreaterThan(5)
  })
})

describe('gathered objects', () => {
  it('stand apart, as large as their shares say', () => {
    for (let i = 0; i < 40; i++) {
      const view = drawView(plan, 'gathered', i)
      expect(view.pasted.length).toBeGreaterThan(0)
      const [ground, ...objects] = regionShares(view, masks)
      objects.forEach((shares, k) => {
        const { box } = view.pasted[k]!
        const area = shares.reduce((sum, x) => sum + x, 0) * 32 * 32
        // The mask fills its box.
        expect(Math.abs(area / (box.width * box.height) - 1)).toBeLessThan(0.1)
      })
      ground!.forEach((share, cell) =>
        expect(share + objects.reduce((sum, shares) => sum + shares[cell]!, 0)).toBeCloseTo(1, 5),
      )
    }
  })

  it('are drawn alike for one seed, and objects of `object` views are those with a mask', () => {
    expect(drawView(plan, 'gathered', 3)).toEqual(drawView(plan, 'gathered', 3))
    for (let i = 0; i < 40; i++) expect(drawView(plan, 'object', i).ground).toMatchObject({ pair: 2, within: 'object' })
  })
})
