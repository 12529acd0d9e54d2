import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { FloatImage } from './image.js'
import { resize } from './resample.js'
import type { ResampleFilter } from './resampleTaps.js'

interface Fixture {
  width: number
  height: number
  source: number[]
  cases: { filter: ResampleFilter; width: number; height: number; eight: number[]; float: number[]; plain?: number[] }[]
}
const fixture = JSON.parse(
  readFileSync(new URL('../../test/fixtures/media/resample.json', import.meta.url), 'utf8'),
) as Fixture
const source: FloatImage = {
  width: fixture.width,
  height: fixture.height,
  channels: 3,
  data: Float32Array.from(fixture.source, (v) => v / 255),
}
/** Fixtures are rounded to 6 decimals and Pillow keeps float32 between the passes. */
const tolerance = 2e-6

function largestError(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length)
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - actual[i]!)), 0)
}

describe('resize', () => {
  it('has fixtures for every filter', () => {
    expect(new Set(fixture.cases.map((c) => c.filter))).toEqual(new Set(['bilinear', 'bicubic', 'lanczos']))
    expect(fixture.cases.filter((c) => c.plain).length).toBe(14)
  })

  for (const { filter, width, height, eight, float, plain } of fixture.cases) {
    const name = `${filter} ${fixture.width}x${fixture.height} -> ${width}x${height}`
    it(`${name}: equals Pillow on 8-bit images, bit for bit`, () => {
      const { data } = resize(source, width, height, { filter, antialias: true, round8: true })
      expect(
        largestError(
          data.map((v) => v * 255),
          eight,
        ),
      ).toBeLessThan(1e-4)
    })
    it(`${name}: equals Pillow on float images`, () => {
      expect(largestError(resize(source, width, height, { filter, antialias: true }).data, float)).toBeLessThan(
        tolerance,
      )
    })
    if (plain) {
      it(`${name}: equals PyTorch without antialias`, () => {
        expect(largestError(resize(source, width, height, { filter, antialias: false }).data, plain)).toBeLessThan(
          tolerance,
        )
      })
    }
  }

  it('keeps a constant image constant, and copies at the same size', () => {
    const flat: FloatImage = { width: 8, height: 6, channels: 1, data: new Float32Array(48).fill(0.25) }
    for (const filter of ['bilinear', 'bicubic', 'lanczos'] as const) {
      const { data } = resize(flat, 5, 11, { filter, antialias: true })
      expect(Math.max(...data.map((v) => Math.abs(v - 0.25)))).toBeLessThan(1e-7)
    }
    const same = resize(source, source.width, source.height, { filter: 'bilinear', antialias: true })
    expect(same.data).toEqual(source.data)
    expect(same.data).not.toBe(source.data)
  })

  it('refuses sides that are not positive whole numbers', () => {
    expect(() => resize(source, 0, 4, { filter: 'bilinear', antialias: true })).toThrow('0x4')
    expect(() => resize(source, 4, 2.5, { filter: 'bilinear', antialias: true })).toThrow('4x2.5')
  })
})
