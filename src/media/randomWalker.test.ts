import { describe, expect, it } from 'vitest'
import { twoObjects } from '../../test/support/twoObjects.js'
import { randomStream } from '../engine/random.js'
import { overlap } from './changeMeasures.js'
import type { FloatImage } from './image.js'
import { randomWalker } from './randomWalker.js'

const { photo, disc } = twoObjects(96, 120)
const options = { beta: 3, pull: 1e-3 }
const one = (data: Float32Array, width: number): FloatImage => ({
  width,
  height: data.length / width,
  channels: 1,
  data,
})

describe('randomWalker', () => {
  it('draws a blob that spills over the disc to its outline', () => {
    const blob = one(
      photo.data
        .subarray(0, 96 * 120)
        .map((_, i) =>
          Math.exp(
            -(((i % 120) - disc.x - 6) ** 2 + (Math.floor(i / 120) - disc.y + 6) ** 2) / (2 * (0.9 * disc.radius) ** 2),
          ),
        ),
      120,
    )
    const drawn = randomWalker(photo, options)(blob)
    expect(overlap(blob, disc.map)).toBeLessThan(0.7)
    expect(overlap(drawn, disc.map)).toBeGreaterThan(0.95)
    expect(Math.min(...drawn.data)).toBeGreaterThanOrEqual(-0.01)
    expect(Math.max(...drawn.data)).toBeLessThanOrEqual(1.01)
  })

  it.each([
    [7, 5],
    [1, 6],
    [6, 1],
    [2, 2],
  ])('solves the equations of %ix%i px: the energy is no lower anywhere near', (width, height) => {
    const random = randomStream(1, 'walk')
    const guide: FloatImage = {
      width,
      height,
      channels: 3,
      data: Float32Array.from({ length: 3 * width * height }, () => random.uniform()),
    }
    const prior = one(
      Float32Array.from({ length: width * height }, () => random.uniform()),
      width,
    )
    // A side of one pixel counts as a large picture made small.
    const pull = 0.002 * Math.min(width, height) ** 2
    const result = randomWalker(guide, { beta: 1, pull })(prior)
    const energy = energyOf(guide, prior, 1, pull)
    const least = energy(result.data)
    expect(least).toBeLessThan(energy(prior.data))
    for (let i = 0; i < width * height; i++) {
      for (const change of [-0.02, 0.02])
        expect(energy(result.data.map((x, k) => (k === i ? x + change : x)))).toBeGreaterThan(least)
    }
  })

  it('evens out a blob where the picture has no edge', () => {
    const flat: FloatImage = { width: 32, height: 32, channels: 3, data: new Float32Array(3 * 32 * 32).fill(0.4) }
    const blob = one(
      new Float32Array(32 * 32).map((_, i) => (Math.hypot((i % 32) - 9, Math.floor(i / 32) - 9) < 5 ? 0.9 : 0.2)),
      32,
    )
    const { data } = randomWalker(flat, options)(blob)
    expect(Math.max(...data) - Math.min(...data)).toBeLessThan(0.35)
  })

  it('refuses maps of another size', () => {
    expect(() => randomWalker(photo, options)(one(new Float32Array(100), 10))).toThrow(/randomWalker expected/)
  })
})

/** The energy that `randomWalker` states, written pair by pair. */
function energyOf(guide: FloatImage, prior: FloatImage, beta: number, pull: number): (x: Float32Array) => number {
  const { width, height, data } = guide
  const n = width * height
  const pairs: { i: number; j: number; square: number; distance: number }[] = []
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const [dx, dy] = [(j % width) - (i % width), Math.floor(j / width) - Math.floor(i / width)]
      if (Math.abs(dx) > 1 || Math.abs(dy) > 1) continue
      const square =
        [0, 1, 2].reduce((sum, c) => sum + (data[c * n + i]! - data[c * n + j]!) ** 2, 0) / (dx * dx + dy * dy)
      pairs.push({ i, j, square, distance: Math.hypot(dx, dy) })
    }
  }
  const mean = pairs.reduce((sum, { square }) => sum + square, 0) / pairs.length
  const scale = (256 / Math.min(width, height)) ** 2
  return (x) =>
    pairs.reduce(
      (sum, { i, j, square, distance }) =>
        sum + ((Math.exp((-beta * square) / mean) + 1e-4) / distance) * (x[i]! - x[j]!) ** 2,
      0,
    ) +
    x.reduce(
      (sum, value, i) => sum + pull * scale * (Math.abs(2 * prior.data[i]! - 1) + 0.05) * (value - prior.data[i]!) ** 2,
      0,
    )
}
