import { describe, expect, it } from 'vitest'
import { findBitDifference, findMismatch } from './compare.js'

const allowed = { name: 'tight', absolute: 1e-3, relative: 0 }
const mismatch = (got: number[], wanted: number[]) =>
  findMismatch(Float32Array.from(got), [2, got.length / 2], Float32Array.from(wanted), [2, wanted.length / 2], allowed)

describe('the comparison with the oracle', () => {
  it('accepts what lies within the tolerance', () => expect(mismatch([1, 2, 3, 4.0005], [1, 2, 3, 4])).toBeNull())
  it('names shape, size and place of the worst error', () => {
    expect(mismatch([1, 2.5, 3, 5], [1, 2, 3, 4])).toBe(
      'shape [2, 2], max error 1.00e+0 (tolerance tight: 0.001 + 0 |expected|) at [1, 1]: expected 4, came 5',
    )
  })
  it('never accepts NaN', () =>
    expect(mismatch([1, NaN, 3, 9], [1, 2, 3, 4])).toContain('at [0, 1]: expected 2, came NaN'))
  it('never accepts another shape', () => expect(mismatch([1, 2], [1, 2, 3, 4])).toBe('shape [2, 1], expected [2, 2]'))
  it('tells 0 from -0 in a comparison of bits', () =>
    expect(findBitDifference(Float32Array.of(1, 0), Float32Array.of(1, -0))).toContain('element 1'))
})
