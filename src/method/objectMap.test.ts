import { describe, expect, it } from 'vitest'
import { overlap } from '../media/changeMeasures.js'
import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { OutlineFinder } from '../models/outline.js'
import { objectMap } from './objectMap.js'
import type { OpenQuestion } from './relevancyMap.js'

const [width, height] = [160, 120]
const n = width * height

type Place = (x: number, y: number) => boolean
const rectangle =
  (left: number, top: number, right: number, bottom: number): Place =>
  (x, y) =>
    x >= left && x < right && y >= top && y < bottom
const mask = (inside: Place): FloatImage => ({
  width,
  height,
  channels: 1,
  data: Float32Array.from({ length: n }, (_, i) => (inside(i % width, Math.floor(i / width)) ? 1 : 0)),
})
/** A photo whose places are of the colour of the last place that holds them. */
function photoOf(ground: readonly number[], ...things: readonly (readonly [Place, readonly number[]])[]): FloatImage {
  const data = new Float32Array(3 * n)
  for (let i = 0; i < n; i++) {
    const [x, y] = [i % width, Math.floor(i / width)]
    const [, rgb] = things.findLast(([inside]) => inside(x, y)) ?? [null, ground]
    for (let c = 0; c < 3; c++) data[c * n + i] = rgb[c]!
  }
  return { width, height, channels: 3, data }
}

/**
 * A question whose text answers to red, and its rival (none where `alone`) to blue: as coarse as a model's cells, 8 px
 * of 64.
 */
function asked(surroundings = false, alone = false): OpenQuestion {
  const row = { shape: [1, 1] as const, data: Float32Array.of(1) }
  return {
    model: { imageSize: 64, cell: 8 } as GuidanceModel,
    texts: row,
    rivals: alone ? null : row,
    surroundings,
    ask(picture) {
      const [w, h] = [picture.width / 8, picture.height / 8]
      const cells = resize(picture, w, h, { filter: 'bilinear', antialias: true })
      return Promise.resolve(
        (alone ? [0] : [0, 2]).map((c) => ({
          width: w,
          height: h,
          channels: 1,
          data: cells.data.slice(c * w * h, (c + 1) * w * h),
        })),
      )
    },
  }
}

/** A part of so many pixels and less is a close look. */
const CLOSE = 70 * 70

/**
 * A network that finds in the whole photo what `whole` says, in a part of it what is of one of the colours, in a close
 * look what is of the first alone.
 */
function finderOf(whole: Place, ...colours: readonly (readonly number[])[]): OutlineFinder {
  return {
    find(picture) {
      if (picture.width === width && picture.height === height) return Promise.resolve(mask(whole))
      const size = picture.width * picture.height
      const seen = size > CLOSE ? colours : colours.slice(0, 1)
      const near = (i: number) =>
        seen.some((rgb) => rgb.every((x, c) => Math.abs(picture.data[c * size + i]! - x) < 0.05))
      const data = Float32Array.from({ length: size }, (_, i) => (near(i) ? 1 : 0))
      return Promise.resolve({ width: picture.width, height: picture.height, channels: 1, data })
    },
    release: () => Promise.resolve(),
  }
}

const [dark, wool, red, blue] = [
  [0.2, 0.2, 0.2],
  [0.3, 0.6, 0.35],
  [0.95, 0.1, 0.1],
  [0.1, 0.2, 0.9],
]

describe('a closer look', () => {
  const wearer = rectangle(40, 10, 110, 120)
  const bag = rectangle(60, 40, 90, 76)
  const photo = photoOf(dark, [wearer, wool], [bag, red])

  it('takes the place of the outline of what wears the thing that the words mean', async () => {
    const { map, outline, by } = await objectMap(photo, [asked(false, true)], finderOf(wearer, red, wool))
    expect(by).toBe('outline')
    expect(overlap(outline, mask(bag))).toBeGreaterThan(0.95)
    expect(overlap(map, mask(bag))).toBeGreaterThan(0.85)
  })

  it('changes nothing where it sees the same, or a speck', async () => {
    const alone = photoOf(dark, [bag, red])
    expect(overlap((await objectMap(alone, [asked()], finderOf(bag, red))).map, mask(bag))).toBeGreaterThan(0.85)
    const speck = rectangle(74, 57, 76, 59)
    const dotted = photoOf(dark, [bag, red], [speck, [1, 0, 0]])
    expect(overlap((await objectMap(dotted, [asked()], finderOf(bag, [1, 0, 0]))).map, mask(bag))).toBeGreaterThan(0.85)
  })

  it('finds the thing where nothing stands out in the whole photo', async () => {
    // The words alone take in what answers half as much.
    const [small, pink] = [rectangle(64, 44, 86, 66), [0.58, 0.5, 0.5]]
    const hidden = photoOf(dark, [rectangle(0, 0, 16, 120), pink], [small, red], [rectangle(144, 0, 160, 120), pink])
    const { map, by } = await objectMap(
      hidden,
      [asked(false, true)],
      finderOf(() => false, red),
    )
    expect(by).toBe('outline')
    expect(overlap(map, mask(small))).toBeGreaterThan(0.85)
    const nothing = await objectMap(
      hidden,
      [asked()],
      finderOf(() => false, [0, 1, 0]),
    )
    expect(nothing.by).toBe('words')
  })
})

describe('two looks that contradict each other', () => {
  const brown = [0.6, 0.3, 0.2]
  const [breast, back, tail] = [
    rectangle(60, 16, 90, 46),
    rectangle(60, 46, 90, 66),
    rectangle(66, 76, 84, 104),
  ] as const
  const branch = rectangle(0, 66, 160, 76)
  const bird: Place = (x, y) => breast(x, y) || back(x, y) || tail(x, y)
  const photo = photoOf(dark, [bird, brown], [breast, red], [branch, wool])

  /** The whole photo shows it a bird with its branch and tail; a part, the bird down to the branch. */
  const finder: OutlineFinder = {
    find(picture) {
      if (picture.width === width && picture.height === height)
        return Promise.resolve(mask((x, y) => bird(x, y) || branch(x, y)))
      const size = picture.width * picture.height
      const is = (i: number, rgb: readonly number[]) =>
        rgb.every((x, c) => Math.abs(picture.data[c * size + i]! - x) < 0.05)
      const rows = Math.floor(
        (Array.from({ length: size }, (_, i) => i).find((i) => is(i, wool)) ?? size) / picture.width,
      )
      const data = Float32Array.from({ length: size }, (_, i) =>
        i < rows * picture.width && (is(i, red) || is(i, brown)) ? 1 : 0,
      )
      return Promise.resolve({ width: picture.width, height: picture.height, channels: 1, data })
    },
    release: () => Promise.resolve(),
  }

  it('leave the place to the colours: a tail is of the bird, its branch is not', async () => {
    const { map, outline, by } = await objectMap(photo, [asked()], finder)
    expect(by).toBe('outline')
    const share = (among: FloatImage, place: Place) => {
      const inside = among.data.filter((_, i) => place(i % width, Math.floor(i / width)))
      return inside.reduce((sum, x) => sum + x, 0) / inside.length
    }
    expect([share(outline, tail), share(outline, branch)]).toEqual([0.5, 0.5])
    expect(share(map, tail)).toBeGreaterThan(0.8)
    expect(share(map, branch)).toBeLessThan(0.12)
    expect(overlap(map, mask(bird))).toBeGreaterThan(0.85)
  })
})

describe('words for what is around things', () => {
  const ball = rectangle(60, 40, 90, 76)

  it('leave out what stands out, though it is of their colour', async () => {
    const same = photoOf(blue, [rectangle(0, 0, 160, 110), red], [ball, red])
    const { map, by } = await objectMap(same, [asked(true)], finderOf(ball, red))
    expect(by).toBe('surroundings')
    const inside = map.data.filter((_, i) => ball(i % width, Math.floor(i / width)))
    expect(Math.max(...inside)).toBe(0)
    expect(
      overlap(
        map,
        mask((x, y) => y < 110 && !ball(x, y)),
      ),
    ).toBeGreaterThan(0.8)
  })

  it('are where they answer, where nothing stands out', async () => {
    const half = photoOf(blue, [rectangle(0, 0, 160, 60), red])
    const { map, by } = await objectMap(
      half,
      [asked(true)],
      finderOf(() => false, red),
    )
    expect(by).toBe('surroundings')
    expect(
      overlap(
        map,
        mask((_, y) => y < 60),
      ),
    ).toBeGreaterThan(0.85)
  })

  it('mean what stands out where only that speaks for them', async () => {
    const photo = photoOf(blue, [ball, red])
    const { map, by } = await objectMap(photo, [asked(true)], finderOf(ball, red))
    expect(by).toBe('outline')
    expect(overlap(map, mask(ball))).toBeGreaterThan(0.85)
  })

  it('are judged by the models that compare texts', async () => {
    const photo = photoOf(blue, [rectangle(0, 0, 160, 110), red], [ball, red])
    const silent = asked(false, true)
    expect((await objectMap(photo, [asked(true), silent], finderOf(ball, red))).by).toBe('surroundings')
    expect((await objectMap(photo, [silent], finderOf(ball, red))).by).not.toBe('surroundings')
  })
})
