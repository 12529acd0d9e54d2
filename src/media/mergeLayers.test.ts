import { describe, expect, it } from 'vitest'
import { Text2LiveError } from '../errors.js'
import { mergeLayers, withOpacity } from './mergeLayers.js'
import { pixelImage } from './quantise.js'

/** Pseudo-random bytes, the same each time. */
const bytes = (seed: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (Math.imul(i + 1, 2654435761) ^ (seed * 40503)) >>> 13)
const layer = (seed: number) => pixelImage(9, 7, 4, bytes(seed, 9 * 7 * 4))
const over = (ground: number, colour: number, alpha: number): number => alpha * colour + (1 - alpha) * ground

describe('mergeLayers', () => {
  it('looks over any picture as the layers do one after another', () => {
    const layers = [layer(1), layer(2), layer(3)]
    const merged = mergeLayers(layers)
    for (const ground of [0, 90, 255]) {
      for (let at = 0; at < merged.data.length; at += 4) {
        for (let c = 0; c < 3; c++) {
          const wanted = layers.reduce((under, { data }) => over(under, data[at + c]!, data[at + 3]! / 255), ground)
          expect(Math.abs(over(ground, merged.data[at + c]!, merged.data[at + 3]! / 255) - wanted)).toBeLessThan(2.5)
        }
      }
    }
  })

  it('keeps the colour under alpha 0 of the lowest, and leaves what it was given', () => {
    const below = pixelImage(1, 1, 4, Uint8Array.of(1, 2, 3, 0))
    const above = pixelImage(1, 1, 4, Uint8Array.of(9, 9, 9, 0))
    expect([...mergeLayers([below, above]).data]).toEqual([1, 2, 3, 0])
    expect([...mergeLayers([below, pixelImage(1, 1, 4, Uint8Array.of(7, 8, 9, 128))]).data]).toEqual([7, 8, 9, 128])
    expect([...below.data]).toEqual([1, 2, 3, 0])
  })

  it('takes opacity on alpha alone', () => {
    expect([...withOpacity(pixelImage(1, 1, 4, Uint8Array.of(10, 20, 30, 200)), 0.25).data]).toEqual([10, 20, 30, 50])
  })

  it('refuses layers of other sizes, and none', () => {
    expect(() => mergeLayers([])).toThrow(Text2LiveError)
    expect(() => mergeLayers([layer(1), pixelImage(7, 9, 4, bytes(1, 9 * 7 * 4))])).toThrow(/one size/)
  })
})
