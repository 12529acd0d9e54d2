import { expect, it } from 'vitest'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import { toHalf } from './toHalf.js'

const every = Uint16Array.from({ length: 65536 }, (_, i) => i)
const values = toFloat32({ dtype: 'F16', shape: [65536], bytes: new Uint8Array(every.buffer) })

it('gives every half-precision number back', () => {
  const back = toHalf(values)
  expect([...every].filter((i) => (Number.isNaN(values[i]) ? (back[i]! & 0x7fff) <= 0x7c00 : back[i] !== i))).toEqual(
    [],
  )
})

it('rounds to the nearest, a tie to the even one, and what is too large to infinity', () => {
  for (let i = 0; i < 0x7bff; i += 7) {
    const [low, high] = [values[i]!, values[i + 1]!]
    const middle = (low + high) / 2
    const nearest = toHalf(Float32Array.of(middle, middle - (high - low) / 8, middle + (high - low) / 8, -middle))
    const even = i % 2 === 0 ? i : i + 1
    expect([...nearest]).toEqual([even, i, i + 1, even | 0x8000])
  }
  expect([...toHalf(Float32Array.of(65519, 65520, 1e30, -1e30, 1e-9))]).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00, 0])
})
