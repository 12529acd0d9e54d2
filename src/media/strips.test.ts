import { describe, expect, it } from 'vitest'
import type { FloatImage } from './image.js'
import { dequantise, pixelImage, type PixelImage } from './quantise.js'
import { refineLayer, refineStrips } from './refineLayer.js'
import { resize, resizeStrips } from './resample.js'
import { alphaStrips, colourStrips, planeStrips, productStrips, stripsOf, wholeOf } from './strips.js'

const [width, height] = [83, 61]
const plane = width * height
/** Equal bit for bit. */
const same = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.compare(
    new Uint8Array(a.buffer, a.byteOffset, a.byteLength),
    new Uint8Array(b.buffer, b.byteOffset, b.byteLength),
  ) === 0
const noise = (i: number): number => (Math.imul(i + 1, 0x9e3779b1) ^ (i * 37)) >>> 16
function picture(channels: 3 | 4, bits: 8 | 16): PixelImage {
  const count = channels * plane
  return pixelImage(
    width,
    height,
    channels,
    bits === 8
      ? Uint8Array.from({ length: count }, (_, i) => noise(i))
      : Uint16Array.from({ length: count }, (_, i) => noise(i)),
  )
}
const floats = (w: number, h: number, channels: 1 | 3 | 4): FloatImage => ({
  width: w,
  height: h,
  channels,
  data: Float32Array.from({ length: channels * w * h }, (_, i) => (noise(i) % 1000) / 999),
})

describe('strips', () => {
  it('cover every row once, from the top', () => {
    expect([...stripsOf(height)].flatMap(({ y, rows }) => Array.from({ length: rows }, (_, i) => y + i))).toEqual(
      Array.from({ length: height }, (_, y) => y),
    )
  })

  for (const bits of [8, 16] as const) {
    it(`${bits} bits: colours and alpha are those of the whole picture in float planes`, () => {
      const { data } = dequantise(picture(4, bits))
      const pixels = picture(4, bits)
      expect(same(wholeOf(colourStrips(pixels)).data, data.subarray(0, 3 * plane))).toBe(true)
      expect(same(wholeOf(alphaStrips(pixels)).data, data.subarray(3 * plane))).toBe(true)
      const rows = Float32Array.from(
        { length: 9 * width },
        (_, i) => data[Math.floor(i / (3 * width)) * plane + 7 * width + (i % (3 * width))]!,
      )
      expect(same(colourStrips(pixels).strip(7, 3).data, rows)).toBe(true)
    })
  }

  it('a product is that of the two planes', () => {
    const [a, b] = [floats(width, height, 1), floats(height, width, 1)]
    const other = { ...b, width, height }
    expect(
      same(
        wholeOf(productStrips(planeStrips(a), planeStrips(other))).data,
        a.data.map((value, i) => value * other.data[i]!),
      ),
    ).toBe(true)
  })
})

describe('resizeStrips', () => {
  for (const [w, h] of [
    [20, 13],
    [83, 30],
    [40, 61],
    [83, 61],
    [120, 90],
  ] as const) {
    it(`to ${w}x${h} is resize, bit for bit`, () => {
      const pixels = picture(3, 8)
      for (const options of [
        { filter: 'bilinear', antialias: true, round8: true },
        { filter: 'bicubic', antialias: true },
      ] as const) {
        expect(
          same(resizeStrips(colourStrips(pixels), w, h, options).data, resize(dequantise(pixels), w, h, options).data),
        ).toBe(true)
      }
    })
  }
})

it('refineStrips is refineLayer, bit for bit', () => {
  const [photo, layer, small] = [dequantise(picture(3, 8)), floats(22, 16, 4), floats(22, 16, 3)]
  const whole = refineLayer(photo, layer, small)
  const source = colourStrips(picture(3, 8))
  const refined = refineStrips(source, layer, small)
  const data = new Float32Array(4 * plane)
  for (const { y, rows } of stripsOf(height)) {
    const strip = refined(y, source.strip(y, rows))
    for (let c = 0; c < 4; c++)
      data.set(strip.data.subarray(c * rows * width, (c + 1) * rows * width), c * plane + y * width)
  }
  expect(same(data, whole.data)).toBe(true)
})
