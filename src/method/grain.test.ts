import { describe, expect, it, test } from 'vitest'
import { twoObjects } from '../../test/support/twoObjects.js'
import type { FloatImage } from '../media/image.js'
import { askedMaterial, grainOn } from './grain.js'
import { seenBy } from './sight.js'
import { type GrainMaterial, grainPattern } from './grainPatterns.js'

const materials: readonly GrainMaterial[] = ['wood', 'brick', 'knitted', 'marble', 'rust', 'fire', 'snow']
const {
  photo,
  disc: { map: disc },
} = twoObjects(132, 140)

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, x) => sum + x, 0) / values.length
const deviation = (values: readonly number[]): number => Math.sqrt(mean(values.map((x) => (x - mean(values)) ** 2)))

test.each([
  ['wooden dog', 'wood'],
  ['a dog made of wood', 'wood'],
  ['Knitted cat', 'knitted'],
  ['house built with bricks', 'brick'],
  ['car covered in bricks', 'brick'],
  ['rusty car', 'rust'],
  ['a car covered in rust', 'rust'],
  ['car covered in rust coloured paint', null],
  ['rocket on fire', 'fire'],
  ['burning rocket in the night', 'fire'],
  ['a dog made of fire with a hat', 'fire'],
  ['sticker on fire trucks', null],
  ['fire truck', null],
  ['fire out of the mouth', null],
  ['leather backpack', null],
  ['plastic car', null],
  ['a photo of a marble cup on a wooden table', 'marble'],
  ['dog on a wooden floor', null],
  ['golden teapot', null],
  ['brick-coloured dog', null],
  ['dog covered in snow, in a brick house', 'snow'],
  ['house covered with thick white snow', 'snow'],
  ['a snow-covered car on a street', 'snow'],
  ['snowy roof', 'snow'],
  ['roof under a thick blanket of snow', null],
  ['roof buried under a thick blanket of snow', 'snow'],
  ['house covered in deep, fresh snow', 'snow'],
  ['house covered in snow, wooden fence', 'snow'],
  ['house covered in snow, smoke from its chimney', 'snow'],
  ['a house, covered in snow', 'snow'],
  ['red car, snowy day', null],
  ['snowy owl', null],
  ['dog covered in snowy white fur', null],
  ['snow covered in footprints', null],
  ['dog in a snow-covered forest', null],
  ['man covered in snow with a hat', 'snow'],
  ['car covered in snow-white paint', null],
  ['dog in snow', null],
  ['dog with snow on its nose', null],
  ['man covered in snow flakes', null],
  ['snow', null],
  ['', null],
])('%j asks for %s', (prompt, material) => {
  expect(askedMaterial([prompt], [])).toBe(material)
})

test('of several prompts the first material counts, unless the photo shows it already', () => {
  expect(askedMaterial(['old car', 'marble car', 'wooden car'], ['car'])).toBe('marble')
  expect(askedMaterial(['brick house'], ['old brick house'])).toBeNull()
  expect(askedMaterial(['brick house covered in snow'], ['brick house'])).toBe('snow')
})

describe.each(materials)('the grain of %s', (material) => {
  it('is near 1 on the mean, differs from place to place, and by seed', () => {
    const sample = (seed: number) => {
      const pattern = grainPattern(material, seed)
      return Array.from({ length: 10_000 }, (_, i) => pattern(i % 100, Math.floor(i / 100)))
    }
    const values = sample(1)
    expect(Math.abs(mean(values) - 1)).toBeLessThan(0.2)
    expect(deviation(values)).toBeGreaterThan(0.05)
    expect(sample(1)).toEqual(values)
    expect(sample(2)).not.toEqual(values)
  })
})

describe('a grain on an object', () => {
  const made = (strength: number, seed = 3) => grainOn(photo, disc, { material: 'knitted', seed, strength })

  it('is 1 outside the object, and there alone', () => {
    const { data } = made(1).times
    const inside = Array.from(data.keys()).filter((i) => disc.data[i]! > 0.99)
    data.forEach((x, i) => {
      if (disc.data[i] === 0) expect(x).toBe(1)
    })
    expect(inside.filter((i) => Math.abs(data[i]! - 1) > 0.05).length).toBeGreaterThan(inside.length / 2)
  })

  it('changes what is seen by its strength, and keeps how light the object is', () => {
    const light = (image: FloatImage) =>
      mean(Array.from(image.data).filter((_, i) => disc.data[i % disc.data.length]! > 0.99))
    const contrast = (strength: number) => {
      const { data } = made(strength).times
      return deviation(Array.from(data).filter((_, i) => disc.data[i]! > 0.99))
    }
    expect(contrast(0.5)).toBeGreaterThan(2 * contrast(0))
    expect(contrast(1)).toBeGreaterThan(1.5 * contrast(0.5))
    expect(Math.abs(light(seenBy(made(0.75), photo)) / light(photo) - 1)).toBeLessThan(0.25)
  })

  it('stays finite where the photo is black, and nothing leaves [0, 1]', () => {
    const black = { ...photo, data: new Float32Array(photo.data.length) }
    const white = { ...photo, data: new Float32Array(photo.data.length).fill(1) }
    for (const material of ['brick', 'snow'] as const) {
      for (const picture of [black, white]) {
        const grain = grainOn(picture, disc, { material, seed: 1, strength: 2 })
        expect(grain.times.data.every((x) => Number.isFinite(x) && x >= 0)).toBe(true)
        expect(seenBy(grain, picture).data.every((x) => x >= 0 && x <= 1)).toBe(true)
      }
    }
  })

  it.each([
    ['black', [0, 0, 0]],
    ['red', [0.8, 0.15, 0.12]],
  ])(
    'of snow makes what the sky sees of a %s object white from its edge on, and keeps what is beneath',
    (_, colour) => {
      const { width, height } = photo
      // A roof, and beneath its left half, after a gap, a bench that goes on to the left.
      const isObject = (x: number, y: number) =>
        (x >= 20 && x < 100 && y >= 20 && y < 90) || (x < 50 && y >= 100 && y < 125)
      const object = { ...disc, data: disc.data.map((_, i) => (isObject(i % width, Math.floor(i / width)) ? 1 : 0)) }
      const n = width * height
      const plain = { ...photo, data: Float32Array.from({ length: 3 * n }, (_, i) => colour[Math.floor(i / n)]!) }
      const seen = seenBy(grainOn(plain, object, { material: 'snow', seed: 2, strength: 1 }), plain)
      const at = (x: number, y: number) => [0, 1, 2].map((c) => seen.data[c * n + y * width + x]!)
      for (const [x, y] of [
        [60, 20],
        [60, 24],
        [97, 21],
        [10, 100],
        [10, 104],
      ] as const)
        for (const light of at(x, y)) expect(light).toBeGreaterThan(0.7)
      for (const [x, y] of [
        [60, 80],
        [40, 104],
        [10, 122],
      ] as const)
        at(x, y).forEach((light, c) => {
          expect(Math.abs(light - colour[c]!)).toBeLessThan(0.3)
        })
    },
  )

  it('of snow is none where the object goes on above the photo', () => {
    const all = { ...disc, data: new Float32Array(disc.data.length).fill(1) }
    const { plus } = grainOn(photo, all, { material: 'snow', seed: 2, strength: 1 })
    expect(new Set(plus.data)).toEqual(new Set([0]))
  })

  it('of no object is 1 everywhere', () => {
    const nothing = { ...disc, data: new Float32Array(disc.data.length) }
    expect(new Set(grainOn(photo, nothing, { material: 'wood', seed: 1, strength: 1 }).times.data)).toEqual(
      new Set([1]),
    )
  })
})
