import { describe, expect, it } from 'vitest'
import { randomWalker } from './randomWalker.js'
import { superpixels } from './superpixels.js'
import type { ClipGraph } from './clipGraph.js'

describe('superpixels', () => {
  it('follow the edge between two colours; every region is connected and counted', () => {
    const [width, height] = [40, 30]
    const size = width * height
    // A dark and a light half, parted by a slanted line.
    const light = (i: number) => (i % width) + Math.floor(i / width) / 3 > 22
    const lab = Float32Array.from({ length: 3 * size }, (_, i) => (i < size ? (light(i) ? 80 : 20) : 0))
    const { count, labels } = superpixels(lab, width, height, 6)
    expect(new Set(labels).size).toBe(count)
    expect(count).toBeGreaterThan(20)
    const sides = Array.from({ length: count }, () => new Set<boolean>())
    labels.forEach((label, i) => sides[label]!.add(light(i)))
    expect(sides.every((side) => side.size === 1)).toBe(true)
  })
})

describe('randomWalker', () => {
  /** A chain of nodes with the given weights between neighbours. */
  function chain(weights: readonly number[]): ClipGraph {
    const count = weights.length + 1
    const start = new Int32Array(count + 1)
    const neighbour: number[] = []
    const weight: number[] = []
    for (let i = 0; i < count; i++) {
      for (const [j, w] of [
        [i - 1, weights[i - 1]],
        [i + 1, weights[i]],
      ] as const) {
        if (w === undefined) continue
        neighbour.push(j)
        weight.push(w)
      }
      start[i + 1] = neighbour.length
    }
    const empty = new Float32Array(0)
    return {
      width: 0,
      height: 0,
      frames: [],
      first: new Int32Array(1),
      area: empty,
      colour: empty,
      centre: empty,
      count,
      start,
      neighbour: Int32Array.from(neighbour),
      weight: Float32Array.from(weight),
    }
  }

  it('falls between its ends as voltage along resistors', () => {
    // Conductances 1, 1/2, 1 between 0 and 1: resistances 1, 2, 1.
    const x = randomWalker(chain([1, 0.5, 1]), [
      { value: Float32Array.of(0, 0, 0, 1), strength: Float32Array.of(1e4, 0, 0, 1e4) },
    ])
    for (const [i, expected] of [0, 0.25, 0.75, 1].entries()) expect(x[i]).toBeCloseTo(expected, 3)
  })
})
