import { describe, expect, it } from 'vitest'
import { ColourBuffers, type ColourTarget, colourTerms } from './colourTerms.js'
import type { Texture } from './texture.js'

const [width, height] = [7, 5]
const n = width * height
const number = (k: number) => 0.5 + 0.5 * Math.sin(12.9898 * k)
const texture: Texture = {
  origin: [0, 0],
  scale: 0.5,
  width: 9,
  height: 8,
  data: Float32Array.from({ length: 4 * 9 * 8 }, (_, k) => number(k)),
}
const places = (by: number) => Float32Array.from({ length: 2 * n }, (_, k) => 8 * number(k + by))
/** Pixels of which the layer has nothing are others for each seed. */
const target = (seed: number): ColourTarget => ({
  colours: Float32Array.from({ length: 3 * n }, (_, k) => number(k + seed)),
  share: Float32Array.from({ length: n }, (_, k) => Math.max(number(k + 2 * seed) - 0.3, 0)),
  total: n,
})
const terms = (seed: number, buffers: ColourBuffers) =>
  colourTerms(target(seed), texture, places(seed), { reconstruction: 2, gradient: 3 }, buffers)

describe('colourTerms', () => {
  it('sums the curvature of pixels over blocks, those at the right and the bottom included', () => {
    const { curvature } = terms(1, new ColourBuffers(width, height, 1))
    const blocks = terms(1, new ColourBuffers(width, height, 2)).curvature
    expect(blocks).toHaveLength(3 * 4 * 3)
    const sums = new Float64Array(blocks.length)
    curvature.forEach((value, k) => {
      const [plane, y, x] = [Math.floor(k / n), Math.floor((k % n) / width), k % width]
      sums[(plane * 3 + (y >> 1)) * 4 + (x >> 1)]! += value
    })
    sums.forEach((sum, k) => expect(blocks[k]).toBeCloseTo(sum, 6))
  })

  it('leaves nothing in the buffers for the next window', () => {
    const buffers = new ColourBuffers(width, height, 2)
    terms(1, buffers)
    expect(terms(5, buffers)).toEqual(terms(5, new ColourBuffers(width, height, 2)))
  })
})
