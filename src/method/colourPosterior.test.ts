import { describe, expect, it } from 'vitest'
import { twoObjects } from '../../test/support/twoObjects.js'
import { overlap } from '../media/changeMeasures.js'
import type { FloatImage } from '../media/image.js'
import { colourPosterior } from './colourPosterior.js'

const { photo, disc, square } = twoObjects(96, 120)
/** A blob about the disc that misses its edge and spills over it: two thirds of its radius off centre. */
const rough = (strength = 1): FloatImage => ({
  ...disc.map,
  data: disc.map.data.map((_, i) => {
    const [x, y] = [i % photo.width, Math.floor(i / photo.width)]
    return (
      strength *
      Math.exp(
        -(((x - disc.x - disc.radius / 3) ** 2 + (y - disc.y + disc.radius / 3) ** 2) / (2 * (0.9 * disc.radius) ** 2)),
      )
    )
  }),
})

describe('colourPosterior', () => {
  it('follows the disc where the prior is rough', () => {
    const prior = rough()
    const posterior = colourPosterior(photo)(prior, colourPosterior(photo)(prior))
    expect({ ...posterior, data: 0 }).toEqual({ ...prior, data: 0 })
    expect(overlap(posterior, disc.map)).toBeGreaterThan(0.88)
    expect(overlap(posterior, disc.map)).toBeGreaterThan(overlap(prior, disc.map) + 0.2)
    expect(overlap(posterior, square)).toBe(0)
  })

  it('stays in (0, 1) and leaves prior and photo alone', () => {
    const [prior, before] = [rough(), photo.data.slice()]
    const { data } = colourPosterior(photo)(prior)
    expect(Math.min(...data)).toBeGreaterThan(0)
    expect(Math.max(...data)).toBeLessThan(1)
    expect(prior).toEqual(rough())
    expect(photo.data).toEqual(before)
  })

  it.each([
    ['nowhere', 0],
    ['everywhere', 1],
  ] as const)('a prior that says %s is kept, without NaN', (_, value) => {
    const posterior = colourPosterior(photo)({ ...disc.map, data: disc.map.data.map(() => value) })
    for (const x of posterior.data) expect(Math.abs(x - value)).toBeLessThan(0.05)
  })

  it('a photo whose resizing overshot [0, 1] gives numbers', () => {
    const overshot = { ...photo, data: photo.data.map((x) => 1.3 * x - 0.2) }
    expect(Math.min(...overshot.data)).toBeLessThan(0)
    for (const x of colourPosterior(overshot)(rough()).data) expect(x).toBeGreaterThan(0)
  })

  it('a photo of one colour leaves the prior to decide', () => {
    const grey = { ...photo, data: photo.data.map(() => 0.5) }
    const prior = rough()
    const posterior = colourPosterior(grey)(prior)
    const order = [...prior.data.keys()].sort((a, b) => prior.data[a]! - prior.data[b]!)
    for (let i = 1; i < order.length; i++)
      expect(posterior.data[order[i]!]!).toBeGreaterThanOrEqual(posterior.data[order[i - 1]!]! - 1e-6)
  })
})
