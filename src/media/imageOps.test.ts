import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compositeOver } from './compositeOver.js'
import { composeOutputs, screenGreen } from './composeOutputs.js'
import { crop } from './crop.js'
import { flipHorizontal } from './flipHorizontal.js'
import type { FloatImage } from './image.js'
import { dequantise, pixelImage, quantise, toEightBits } from './quantise.js'

const ramp = (width: number, height: number, channels: 1 | 3 | 4): FloatImage => ({
  width,
  height,
  channels,
  data: Float32Array.from({ length: channels * width * height }, (_, i) => i),
})

describe('crop and flipHorizontal', () => {
  it('crop takes the rectangle of every channel', () => {
    expect([...crop(ramp(4, 3, 3), 1, 1, 2, 2).data]).toEqual([5, 6, 9, 10, 17, 18, 21, 22, 29, 30, 33, 34])
  })
  it('crop refuses a rectangle that reaches past the image', () => {
    expect(() => crop(ramp(4, 3, 1), 3, 0, 2, 1)).toThrow('inside 4x3, got 2x1 at (3, 0)')
  })
  it('flip mirrors each row and is its own inverse', () => {
    const image = ramp(3, 2, 1)
    expect([...flipHorizontal(image).data]).toEqual([2, 1, 0, 5, 4, 3])
    expect(flipHorizontal(flipHorizontal(image)).data).toEqual(image.data)
    expect([...image.data]).toEqual([0, 1, 2, 3, 4, 5])
  })
})

describe('quantise', () => {
  it('rounds to nearest and clamps', () => {
    const image: FloatImage = {
      width: 5,
      height: 1,
      channels: 1,
      data: Float32Array.of(-1, 0.49 / 255, 0.51 / 255, 0.9999, 2),
    }
    expect([...quantise(image, 8).data]).toEqual([0, 0, 1, 255, 255])
    expect(quantise(image, 16).data[4]).toBe(65535)
  })
  it('refuses NaN', () => {
    expect(() => quantise({ width: 1, height: 1, channels: 1, data: Float32Array.of(NaN) }, 8)).toThrow('NaN')
  })
  it('gives every 8-bit and 16-bit value back exactly', () => {
    const eight = pixelImage(
      256,
      1,
      1,
      Uint8Array.from({ length: 256 }, (_, i) => i),
    )
    const sixteen = pixelImage(
      256,
      256,
      1,
      Uint16Array.from({ length: 65536 }, (_, i) => i),
    )
    expect(quantise(dequantise(eight), 8).data).toEqual(eight.data)
    expect(quantise(dequantise(sixteen), 16).data).toEqual(sixteen.data)
    expect(toEightBits(pixelImage(3, 1, 1, Uint16Array.of(0, 257 * 77 + 128, 65535))).data).toEqual(
      Uint8Array.of(0, 77, 255),
    )
  })
})

describe('composeOutputs', () => {
  const samples = (bitDepth: 8 | 16) =>
    fc.record({
      photo: fc.array(fc.integer({ min: 0, max: bitDepth === 8 ? 255 : 65535 }), { minLength: 12, maxLength: 12 }),
      layer: fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 }),
      alpha: fc.array(
        fc.oneof(fc.constantFrom(0, 0.5 / 255, 1.5 / 255, 1), fc.float({ min: 0, max: 1, noNaN: true })),
        { minLength: 4, maxLength: 4 },
      ),
    })
  for (const bitDepth of [8, 16] as const) {
    const top = bitDepth === 8 ? 255 : 65535
    it(`${bitDepth} bits: the 8-bit edit over the photo gives the composite within 1/255, and where alpha is 0 exactly the photo`, () => {
      fc.assert(
        fc.property(samples(bitDepth), ({ photo, layer, alpha }) => {
          const image: FloatImage = { width: 2, height: 2, channels: 3, data: Float32Array.from(photo, (v) => v / top) }
          const edit: FloatImage = { width: 2, height: 2, channels: 4, data: Float32Array.from([...layer, ...alpha]) }
          const out = composeOutputs(image, edit, bitDepth)
          expect(out.composite.bitDepth).toBe(bitDepth)
          for (let i = 0; i < 4; i++) {
            const a = out.edit.data[4 * i + 3]!
            expect(out.alpha.data[i]).toBe(a)
            for (let c = 0; c < 3; c++) {
              const under = photo[c * 4 + i]!
              const composite = out.composite.data[3 * i + c]!
              if (a === 0) expect(composite).toBe(under)
              const recomposed = (a / 255) * (out.edit.data[4 * i + c]! / 255) + (1 - a / 255) * (under / top)
              expect(Math.abs(composite / top - recomposed)).toBeLessThanOrEqual(
                (bitDepth === 8 ? 0.5 : 1) / 255 + 1e-9,
              )
              const overGreen = (a / 255) * out.edit.data[4 * i + c]! + (1 - a / 255) * screenGreen[c]! * 255
              expect(Math.abs(out.greenscreen.data[3 * i + c]! - overGreen)).toBeLessThanOrEqual(0.5 + 1e-9)
            }
          }
        }),
      )
    })
  }

  it('a 16-bit composite of a smooth edit has more than 256 levels', () => {
    const width = 2000
    const photo: FloatImage = { width, height: 1, channels: 3, data: new Float32Array(3 * width) }
    const layer: FloatImage = {
      width,
      height: 1,
      channels: 4,
      data: Float32Array.from({ length: 4 * width }, (_, i) => (i < 3 * width ? (i % width) / width : 1)),
    }
    expect(new Set(composeOutputs(photo, layer, 16).composite.data).size).toBe(width)
  })

  it("keeps the photo's own alpha in the composite, and is green where the layer is clear", () => {
    const photo: FloatImage = { width: 1, height: 1, channels: 3, data: Float32Array.of(1, 0, 0) }
    const layer: FloatImage = { width: 1, height: 1, channels: 4, data: new Float32Array(4) }
    const out = composeOutputs(photo, layer, 8, { width: 1, height: 1, channels: 1, data: Float32Array.of(0.2) })
    expect([...out.composite.data]).toEqual([255, 0, 0, 51])
    expect([...out.photo.data]).toEqual([255, 0, 0, 51])
    expect([...out.greenscreen.data]).toEqual([0, 177, 64])
  })

  it('refuses sizes that differ', () => {
    expect(() => composeOutputs(ramp(2, 2, 3), ramp(2, 3, 4))).toThrow('3x2x2, 4x3x2')
  })
})

describe('compositeOver', () => {
  it('mixes by alpha over an image and over one colour', () => {
    const layer: FloatImage = { width: 2, height: 1, channels: 4, data: Float32Array.of(1, 1, 0.5, 0.5, 0, 0, 0.25, 1) }
    const photo: FloatImage = { width: 2, height: 1, channels: 3, data: Float32Array.of(0, 0, 0, 0, 1, 1) }
    expect([...compositeOver(layer, photo).data]).toEqual([0.25, 1, 0.125, 0.5, 0.75, 0])
    expect([...compositeOver(layer, [0, 1, 0]).data]).toEqual([0.25, 1, 0.875, 0.5, 0, 0])
    expect(() => compositeOver(photo, photo)).toThrow('4-channel')
  })
})
