import { describe, expect, it } from 'vitest'
import { measureChange } from './changeMeasures.js'
import { heatOverlay } from './heatOverlay.js'
import type { FloatImage } from './image.js'

/** Two rows of two pixels. */
const grey = (...values: number[]): FloatImage => ({
  width: 2,
  height: 2,
  channels: 1,
  data: Float32Array.from(values),
})
const colour = (...values: number[]): FloatImage => ({
  width: 2,
  height: 2,
  channels: 3,
  data: Float32Array.from([...values, ...values, ...values]),
})

describe('measureChange', () => {
  const photo = colour(0.5, 0.5, 0.5, 0.5)
  const composite = colour(0.75, 0.5, 0.5, 0.625)
  const alpha = grey(1, 0.5, 0, 0.04)

  it('weighs the change by where the layer and the mask are not', () => {
    const measures = measureChange(photo, composite, alpha, grey(1, 0, 0.5, 0))
    expect(measures.alphaMean).toBeCloseTo(1.54 / 4, 6)
    // Pixels 2 and 3 are under 0.05.
    expect(measures.changeOutsideAlpha).toBeCloseTo(0.125 / 2, 6)
    // Weights 0, 1, 0.5, 1.
    expect(measures.changeOutsideMask).toBeCloseTo(0.125 / 2.5, 6)
    // Both: pixel 0; either: pixels 0, 1, 2.
    expect(measures.localisationIou).toBeCloseTo(1 / 3, 6)
  })

  it('says nothing of a mask that was not given, and 0 where nothing is outside', () => {
    expect(measureChange(photo, composite, grey(1, 1, 1, 1))).toEqual({ alphaMean: 1, changeOutsideAlpha: 0 })
    expect(measureChange(photo, composite, grey(0, 0, 0, 0), grey(1, 1, 1, 1))).toMatchObject({
      changeOutsideMask: 0,
      localisationIou: 0,
    })
  })

  it('refuses pictures of different sizes', () => {
    expect(() => measureChange(photo, { ...composite, width: 4, height: 1 }, alpha)).toThrow('got 3x2x2, 3x1x4, 1x2x2')
  })
})

describe('heatOverlay', () => {
  it('grows lighter with the map, and with the photo under it', () => {
    const light = (x: number, at: number): number => {
      const { data } = heatOverlay(colour(x, x, x, x), grey(at, at, at, at))
      return 0.299 * data[0]! + 0.587 * data[4]! + 0.114 * data[8]!
    }
    const ramp = Array.from({ length: 21 }, (_, i) => light(0.5, i / 20))
    ramp.slice(1).forEach((value, i) => expect(value).toBeGreaterThan(ramp[i]!))
    expect(light(0.8, 0.5)).toBeGreaterThan(light(0.2, 0.5))
    expect(light(0.5, 2)).toBe(light(0.5, 1))
  })

  it('refuses a map of another size', () => {
    expect(() => heatOverlay(colour(0, 0, 0, 0), { ...grey(0, 0, 0, 0), width: 1, height: 4 })).toThrow(
      'got 3x2x2 and 1x4x1',
    )
  })
})
