import { describe, expect, it } from 'vitest'
import { readFixtureJson, readFixtureTensors } from '../../test/support/readFixture.js'
import { randomStream } from '../engine/random.js'
import type { FloatImage } from '../media/image.js'
import { minGeneratorSide } from '../options/resolveSettings.js'
import { type ExampleDraw, drawExample, internalExample, placeLike } from './internalExamples.js'
import type { JitterDraw } from './viewDraws.js'

/** Where Pillow turns hues on 8 bits and we do not: mean difference in 255ths. */
const JITTER_MEAN = 2
/** Every step of `internalExample` rounds to 8 bits, `placeLike` does not: rounding in, out and between two passes. */
const ROUNDING = 2 / 255
const STREAMS = 1500

const exact = {
  jitterProbability: 0.1,
  flipProbability: 0.5,
  scaleMin: 0.8,
  scaleMax: 1.2,
  cropsMinCover: 0.85,
  sizes: 'exact',
  bucket: 32,
} as const
const buckets = { ...exact, sizes: 'buckets' } as const
const photo = { height: 256, width: 384 }
const drawn = (settings: typeof exact | typeof buckets, size = photo) =>
  Array.from({ length: STREAMS }, (_, step) => drawExample(randomStream(3, 'example', step), size, settings))

function expectInside({ scaled, crop }: ExampleDraw): void {
  expect([crop.top, crop.left, crop.height, crop.width].every(Number.isInteger)).toBe(true)
  expect(Math.min(crop.top, crop.left)).toBeGreaterThanOrEqual(0)
  expect(crop.top + crop.height).toBeLessThanOrEqual(scaled.height)
  expect(crop.left + crop.width).toBeLessThanOrEqual(scaled.width)
}

describe('drawExample', () => {
  it('exact: one scale for both sides, then one share of them, anywhere inside', () => {
    const all = drawn(exact)
    for (const { scaled, crop } of all) {
      const scale = {
        low: Math.max(scaled.height / photo.height, scaled.width / photo.width),
        high: Math.min((scaled.height + 1) / photo.height, (scaled.width + 1) / photo.width),
      }
      expect(scale.low, 'a scale whose floors are both sides').toBeLessThan(scale.high)
      const share = {
        low: Math.max(crop.height / scaled.height, crop.width / scaled.width),
        high: Math.min((crop.height + 1) / scaled.height, (crop.width + 1) / scaled.width),
      }
      expect(share.low, 'a share whose floors are both sides').toBeLessThan(share.high)
      expectInside({ scaled, crop, flip: false, jitter: null })
    }
    const heights = all.map(({ scaled }) => scaled.height / photo.height)
    expect(Math.min(...heights)).toBeGreaterThan(0.79)
    expect(Math.min(...heights)).toBeLessThan(0.82)
    expect(Math.max(...heights)).toBeGreaterThan(1.18)
    expect(Math.max(...heights)).toBeLessThanOrEqual(1.2)
    const shares = all.map(({ scaled, crop }) => crop.width / scaled.width)
    expect(Math.min(...shares)).toBeGreaterThan(0.84)
    expect(Math.min(...shares)).toBeLessThan(0.86)
    expect(Math.max(...shares)).toBeGreaterThan(0.99)
    expect(all.some(({ crop }) => crop.left === 0)).toBe(true)
    expect(
      all.some(({ scaled, crop }) => crop.left > 5 && crop.left === scaled.width - crop.width),
      'the last place is drawn',
    ).toBe(true)
    expect(all.filter(({ flip }) => flip).length / STREAMS).toBeCloseTo(0.5, 1)
    expect(Math.abs(all.filter(({ jitter }) => jitter).length / STREAMS - 0.1)).toBeLessThan(0.03)
  })

  it('buckets: sides are multiples of the bucket, nearest to the drawn ones; the picture is scaled as in exact', () => {
    const [all, free] = [drawn(buckets), drawn(exact)]
    all.forEach((draw, i) => {
      const same = free[i]!
      expect({ jitter: draw.jitter, flip: draw.flip, scaled: draw.scaled }).toEqual({
        jitter: same.jitter,
        flip: same.flip,
        scaled: same.scaled,
      })
      expectInside(draw)
      for (const side of ['height', 'width'] as const) {
        expect(draw.crop[side] % 32).toBe(0)
        expect(draw.crop[side]).toBeGreaterThanOrEqual(minGeneratorSide)
        const available = draw.scaled[side] - (draw.scaled[side] % 32)
        expect(Math.abs(draw.crop[side] - Math.min(same.crop[side], available))).toBeLessThanOrEqual(16)
      }
    })
    expect(new Set(all.map(({ crop }) => `${crop.height}x${crop.width}`)).size).toBeLessThan(30)
    expect(new Set(free.map(({ crop }) => `${crop.height}x${crop.width}`)).size).toBeGreaterThan(300)
  })

  it('buckets: a side with no multiple that the generator takes falls on half the bucket', () => {
    const settings = { ...buckets, bucket: 128, scaleMin: 1, scaleMax: 1 }
    for (let step = 0; step < 50; step++) {
      const { crop } = drawExample(randomStream(4, 'example', step), { height: 200, width: 300 }, settings)
      expect(crop.height, 'no multiple of 128 from 129 to 200, but one of 64').toBe(192)
      expect(crop.width).toBe(256)
    }
  })

  it('leaves the photo as it is when nothing may change', () => {
    const still = { ...exact, jitterProbability: 0, flipProbability: 0, scaleMin: 1, scaleMax: 1, cropsMinCover: 1 }
    const draw = drawExample(randomStream(1, 'example'), { height: 20, width: 30 }, still)
    expect(draw).toEqual({
      jitter: null,
      flip: false,
      scaled: { height: 20, width: 30 },
      crop: { top: 0, left: 0, height: 20, width: 30 },
    })
    const image = picture(20, 30)
    expect(internalExample(image, draw)).toEqual(image)
  })
})

describe('internalExample', () => {
  interface Step {
    example: { jitter: JitterDraw | null; flip: boolean; resized: [number, number]; crop: ExampleDraw['crop'] }
  }
  const { steps } = readFixtureJson<{ steps: Step[] }>('steps')
  const tensor = readFixtureTensors('steps')
  const bytes = (name: string): FloatImage => {
    const { shape, data } = tensor(name)
    const [height, width] = shape.slice(-2) as [number, number]
    return { width, height, channels: 3, data: data.map((x) => x / 255) }
  }

  it.each(steps.map(({ example }, k) => [k, example] as const))(
    'of reference step %i has the pixels of Pillow',
    (k, { jitter, flip, resized: [height, width], crop }) => {
      const ours = internalExample(bytes('photo'), { jitter, flip, scaled: { height, width }, crop })
      const expected = bytes(`step${k}.example`)
      expect([ours.width, ours.height]).toEqual([expected.width, expected.height])
      const differences = [...ours.data].map((x, i) => Math.abs(x - expected.data[i]!) * 255)
      const mean = differences.reduce((a, b) => a + b, 0) / differences.length
      if (jitter) expect(mean).toBeLessThan(JITTER_MEAN)
      else expect(Math.max(...differences)).toBeLessThan(1e-3)
    },
  )

  it('places a map where its pixels are', () => {
    const image = picture(160, 208)
    const map: FloatImage = { ...image, channels: 1, data: image.data.slice(0, 160 * 208) }
    let flips = 0
    for (let step = 0; step < 12; step++) {
      const draw = drawExample(randomStream(9, 'example', step), image, { ...exact, jitterProbability: 0 })
      const example = internalExample(image, draw)
      const placed = placeLike(map, draw)
      flips += draw.flip ? 1 : 0
      expect([placed.width, placed.height, placed.channels]).toEqual([example.width, example.height, 1])
      expect([placed.width, placed.height]).toEqual([draw.crop.width, draw.crop.height])
      let worst = 0
      placed.data.forEach((x, i) => {
        worst = Math.max(worst, Math.abs(x - example.data[i]!))
      })
      expect(worst).toBeLessThan(ROUNDING)
    }
    expect(flips).toBeGreaterThan(0)
    expect(flips).toBeLessThan(12)
  })
})

/** A picture of whole 255ths with no symmetry. */
function picture(height: number, width: number): FloatImage {
  const data = Float32Array.from({ length: 3 * height * width }, (_, i) => {
    const [x, y, c] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))]
    return (
      Math.round(
        255 * (0.5 + 0.3 * Math.sin(x / 9 + c) * Math.cos(y / 13) + 0.2 * ((x + 2 * y) / (width + 2 * height) - 0.5)),
      ) / 255
    )
  })
  return { width, height, channels: 3, data }
}
