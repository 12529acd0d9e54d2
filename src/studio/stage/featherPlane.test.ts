import { describe, expect, it } from 'vitest'
import { featherPlane, featherReach } from './featherPlane.js'
import { Slices } from './slices.js'

/** Three running means at once, as one row of weights. */
function weightsOf(reach: number): number[] {
  let weights = [1]
  for (let pass = 0; pass < 3; pass++) {
    const wider = new Array<number>(weights.length + 2 * reach).fill(0)
    weights.forEach((weight, i) => {
      for (let k = 0; k <= 2 * reach; k++) wider[i + k]! += weight / (2 * reach + 1)
    })
    weights = wider
  }
  return weights
}

function softened(data: Uint8Array, width: number, height: number, weights: number[]): Uint8Array {
  const half = (weights.length - 1) / 2
  const along = (from: Uint8Array, at: (i: number, k: number) => number): Uint8Array =>
    from.map((_, i) => Math.floor(weights.reduce((sum, weight, k) => sum + weight * from[at(i, k - half)]!, 0) + 0.5))
  const within = (value: number, size: number): number => Math.min(size - 1, Math.max(0, value))
  const rows = along(data, (i, k) => i - (i % width) + within((i % width) + k, width))
  return along(rows, (i, k) => (i % width) + width * within(Math.floor(i / width) + k, height))
}

describe('feathering a plane', () => {
  it.each([1, 2, 5, 12, 40])('by %i px is what three running means give, to one grey', async (px) => {
    const [width, height] = [64, 47]
    const data = Uint8Array.from({ length: width * height }, (_, i) =>
      i % width > 20 && i % width < 50 && i > 12 * width ? 255 : (i * 7919) % 97 === 0 ? 120 : 0,
    )
    const expected = softened(data, width, height, weightsOf(featherReach(px)))
    await featherPlane({ width, height, data }, px, new Slices())
    data.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1))
    expect(new Set(data).size).toBeGreaterThan(20)
  })

  it('leaves what is even as it is', async () => {
    const data = new Uint8Array(900).fill(255)
    await featherPlane({ width: 30, height: 30, data }, 9, new Slices())
    expect(data.every((value) => value === 255)).toBe(true)
  })
})
