import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toFloat32 } from './toFloat32.js'
import type { SafetensorsTensor } from './safetensors.js'

function tensor(dtype: SafetensorsTensor['dtype'], data: ArrayBufferView): SafetensorsTensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return { dtype, shape: [bytes.byteLength], bytes }
}

describe('toFloat32', () => {
  it('reads half precision: signs, subnormals, the largest, infinities and NaN', () => {
    const halves = Uint16Array.of(
      0x0000,
      0x8000,
      0x3c00,
      0xc000,
      0x3555,
      0x7bff,
      0x0001,
      0x03ff,
      0x0400,
      0x7c00,
      0xfc00,
      0x7e00,
    )
    expect([...toFloat32(tensor('F16', halves))]).toEqual([
      0,
      -0,
      1,
      -2,
      0.333251953125,
      65504,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      Infinity,
      -Infinity,
      NaN,
    ])
  })

  it('reads float32 at any address, also of a Buffer, whose slice is a view', () => {
    const buffer = Buffer.alloc(16)
    buffer.writeFloatLE(1.5, 5)
    expect([...toFloat32({ dtype: 'F32', shape: [1], bytes: buffer.subarray(5, 9) })]).toEqual([1.5])
  })

  it('reads bfloat16 as the upper half of float32', () => {
    expect([...toFloat32(tensor('BF16', Uint16Array.of(0x3f80, 0xc040, 0x4049, 0x0080)))]).toEqual([
      1,
      -3,
      3.140625,
      2 ** -126,
    ])
  })

  it.each<[SafetensorsTensor['dtype'], ArrayBufferView, number[]]>([
    ['I8', Int8Array.of(-128, 127), [-128, 127]],
    ['U8', Uint8Array.of(0, 255), [0, 255]],
    ['BOOL', Uint8Array.of(0, 1), [0, 1]],
    ['I16', Int16Array.of(-32768, 7), [-32768, 7]],
    ['U16', Uint16Array.of(65535), [65535]],
    ['I32', Int32Array.of(-5, 2 ** 30), [-5, 2 ** 30]],
    ['U32', Uint32Array.of(2 ** 31), [2 ** 31]],
    ['I64', BigInt64Array.of(-9n, 2n ** 40n), [-9, 2 ** 40]],
    ['U64', BigUint64Array.of(2n ** 63n), [2 ** 63]],
    ['F64', Float64Array.of(0.5, -1e300), [0.5, -Infinity]],
  ])('reads %s', (dtype, data, numbers) => {
    expect([...toFloat32(tensor(dtype, data))]).toEqual(numbers)
  })

  it('returns the same float32 numbers from any address', () => {
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 8 }), fc.nat({ max: 7 }), (numbers, offset) => {
        const memory = new Uint8Array(offset + numbers.byteLength)
        memory.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), offset)
        expect(toFloat32({ dtype: 'F32', shape: [numbers.length], bytes: memory.subarray(offset) })).toEqual(numbers)
      }),
    )
  })

  it('refuses 8-bit floats by name', () => {
    expect(() => toFloat32(tensor('F8_E4M3', new Uint8Array(1)), 'tensor "w"')).toThrow(
      'Expected tensor "w" as F32, F16, BF16 or integers, it is F8_E4M3',
    )
  })
})
