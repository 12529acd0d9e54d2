import { describe, expect, it } from 'vitest'
import { type GreyPlane, growPlane } from './growPlane.js'
import { Slices } from './slices.js'

/** The greatest value within an octagon, by looking at every px of it; the plane is wide enough that none leaves it. */
function grown({ width, height, data }: GreyPlane, radius: number): Uint8Array {
  const cut = radius <= 2 ? radius : 2 * Math.min(Math.round(radius * 0.292893), Math.floor((radius - 1) / 2))
  const inside = (dx: number, dy: number): boolean => Math.abs(dx) + Math.abs(dy) <= 2 * radius - cut
  const out = new Uint8Array(data.length)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let dy = -radius; dy <= radius; dy++)
        for (let dx = -radius; dx <= radius; dx++) {
          if (!inside(dx, dy) || x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) continue
          out[y * width + x] = Math.max(out[y * width + x]!, data[(y + dy) * width + x + dx]!)
        }
  return out
}

/** Greys here and there, with `margin` px of 0 about them. */
function spots(width: number, height: number, margin: number): GreyPlane {
  const data = new Uint8Array(width * height)
  for (let k = 0; k < 40; k++) {
    const x = margin + ((k * 7919) % (width - 2 * margin))
    const y = margin + ((k * 104729) % (height - 2 * margin))
    data[y * width + x] = 1 + ((k * 31) % 255)
  }
  return { width, height, data }
}

describe('growing a plane', () => {
  it.each([1, 2, 3, 4, 5, 8, 13])('by %i px takes the greatest value within the octagon', async (radius) => {
    const plane = spots(71 + radius, 59, radius)
    const expected = grown(plane, radius)
    await growPlane(plane, radius, new Slices())
    expect(plane.data).toEqual(expected)
  })

  it('of one px comes within a px and a twelfth of a disc', async () => {
    for (const radius of [1, 2, 3, 7, 20, 61]) {
      const side = 2 * radius + 9
      const middle = radius + 4
      const data = new Uint8Array(side * side)
      data[middle * side + middle] = 200
      await growPlane({ width: side, height: side, data }, radius, new Slices())
      const right = data.every((value, i) => {
        const distance = Math.hypot((i % side) - middle, Math.floor(i / side) - middle)
        return distance <= radius * 0.98 - 1 ? value === 200 : distance <= radius * 1.083 + 1 || value === 0
      })
      expect(right, `${radius} px`).toBe(true)
      const row = data.subarray(middle * side, (middle + 1) * side)
      expect(row.filter((value) => value === 200).length).toBe(2 * radius + 1)
    }
  })
})
