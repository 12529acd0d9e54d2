import { describe, expect, it, test } from 'vitest'
import { twoObjects } from '../../test/support/twoObjects.js'
import type { FloatImage } from '../media/image.js'
import { askedMaterial, grainMap, withGrain } from './grain.js'
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

describe('the map of a grain', () => {
  const made = (strength: number, seed = 3) => grainMap(photo, disc, { material: 'knitted', seed, strength })

  it('is 1 outside the object, and there alone', () => {
    const { data } = made(1)
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
      const { data } = made(strength)
      return deviation(Array.from(data).filter((_, i) => disc.data[i]! > 0.99))
    }
    expect(contrast(0.5)).toBeGreaterThan(2 * contrast(0))
    expect(contrast(1)).toBeGreaterThan(1.5 * contrast(0.5))
    expect(Math.abs(light(withGrain(photo, made(0.75))) / light(photo) - 1)).toBeLessThan(0.25)
  })

  it('stays finite where the photo is black, and nothing leaves [0, 1]', () => {
    const black = { ...photo, data: new Float32Array(photo.data.length) }
    const white = { ...photo, data: new Float32Array(photo.data.length).fill(1) }
    for (const picture of [black, white]) {
      const map = grainMap(picture, disc, { material: 'brick', seed: 1, strength: 2 })
      expect(map.data.every((x) => Number.isFinite(x) && x >= 0)).toBe(true)
      expect(withGrain(picture, map).data.every((x) => x >= 0 && x <= 1)).toBe(true)
    }
  })

  it('of snow makes the upper edges white, a lower one beneath the open sky too, not what a hole is above', () => {
    const { width, height } = photo
    const [left, right] = [20, 100]
    // A roof with a hole in it; beneath its left half, after a gap, a bench that goes on to the left.
    const isObject = (x: number, y: number) =>
      (x >= left && x < right && y >= 20 && y < 90 && !(x >= 70 && x < 90 && y >= 60 && y < 70)) ||
      (x < 50 && y >= 100 && y < 125)
    const object = { ...disc, data: disc.data.map((_, i) => (isObject(i % width, Math.floor(i / width)) ? 1 : 0)) }
    const grey = { ...photo, data: new Float32Array(3 * width * height).fill(0.2) }
    const { data } = grainMap(grey, object, { material: 'snow', seed: 2, strength: 1 })
    const seen = (x: number, y: number) => 0.2 * data[y * width + x]!
    for (const [x, y] of [
      [60, 24],
      [95, 24],
      [10, 104],
      [40, 104],
    ] as const)
      expect(seen(x, y)).toBeGreaterThan(0.75)
    for (const [x, y] of [
      [60, 80],
      [80, 74],
      [10, 122],
      [110, 50],
    ] as const)
      expect(seen(x, y)).toBeLessThan(0.35)
  })

  it('of snow is none where the object goes on above the photo', () => {
    const grey = { ...photo, data: new Float32Array(photo.data.length).fill(0.2) }
    const all = { ...disc, data: new Float32Array(disc.data.length).fill(1) }
    const { data } = grainMap(grey, all, { material: 'snow', seed: 2, strength: 1 })
    expect(Math.max(...data)).toBeLessThan(1.5)
  })

  it('of no object is 1 everywhere', () => {
    const nothing = { ...disc, data: new Float32Array(disc.data.length) }
    expect(new Set(grainMap(photo, nothing, { material: 'wood', seed: 1, strength: 1 }).data)).toEqual(new Set([1]))
  })
})
