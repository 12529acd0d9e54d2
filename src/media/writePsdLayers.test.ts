import { writePsdUint8Array } from 'ag-psd'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pixelImage, toEightBits, type PixelImage } from './quantise.js'
import { packBits, packedRoom } from './packBits.js'
import { psdLayerPieces, writePsdLayers } from './writePsdLayers.js'

/** What `ag-psd` writes of the same pictures. */
function reference(
  composite: PixelImage,
  layers: readonly { name: string; image: PixelImage; hidden?: true }[],
): Uint8Array {
  const rgba = (pixels: PixelImage) => {
    const { width, height, channels, data } = toEightBits(pixels)
    const out = new Uint8ClampedArray(4 * width * height)
    for (let i = 0; i < width * height; i++)
      for (let c = 0; c < 4; c++)
        out[4 * i + c] =
          c === 3 ? (channels === 4 ? data[4 * i + 3]! : 255) : data[channels * i + (channels === 1 ? 0 : c)]!
    return { width, height, data: out }
  }
  return writePsdUint8Array(
    {
      width: composite.width,
      height: composite.height,
      imageData: rgba(composite),
      children: layers.map(({ name, image, hidden = false }) => ({
        name,
        left: 0,
        top: 0,
        hidden,
        imageData: rgba(image),
      })),
    },
    { noBackground: true },
  )
}

/** Runs and noise in turns, of lengths that end at and around 128. */
function picture(width: number, height: number, channels: 1 | 3 | 4, seed: number, bits: 8 | 16 = 8): PixelImage {
  const count = channels * width * height
  const value = (i: number) => {
    const at = Math.floor(i / channels) + seed * (i % channels)
    return at % 307 < 131 ? (at / 307) & 255 : at % 5 < 2 ? 9 : Math.imul(at + 1, 0x9e3779b1) >>> 24
  }
  return pixelImage(
    width,
    height,
    channels,
    bits === 8
      ? Uint8Array.from({ length: count }, (_, i) => value(i))
      : Uint16Array.from({ length: count }, (_, i) => value(i) * 251),
  )
}

describe('writePsdLayers writes what ag-psd writes, byte for byte', () => {
  for (const [what, width, height, channels, bits] of [
    ['an RGB photo', 401, 7, 3, 8],
    ['a photo with alpha', 130, 9, 4, 8],
    ['16 bits', 129, 5, 3, 16],
    ['16 bits with alpha', 65, 6, 4, 16],
    ['few pixels', 3, 1, 3, 8],
    ['grey', 2, 3, 1, 8],
  ] as const) {
    it(what, () => {
      const [photo, edit, composite] = [
        picture(width, height, channels, 1, bits),
        picture(width, height, 4, 2),
        picture(width, height, channels, 3, bits),
      ]
      const layers = [
        { name: 'photo', image: photo },
        { name: 'edit layer', image: edit },
      ]
      expect(Buffer.compare(writePsdLayers(composite, layers), reference(composite, layers))).toBe(0)
    })
  }

  it('three layers, one of them hidden, a name that is not ASCII; an alpha that hides nothing', () => {
    const [one, two] = [picture(33, 4, 3, 1), picture(33, 4, 4, 5)]
    const layers = [
      { name: 'atlas', image: one },
      { name: 'édité 漆', image: two },
      { name: 'mask', image: one, hidden: true as const },
    ]
    const opaque = pixelImage(
      33,
      4,
      4,
      picture(33, 4, 4, 2).data.map((value, i) => (i % 4 === 3 ? 255 : value)),
    )
    expect(Buffer.compare(writePsdLayers(opaque, layers), reference(opaque, layers))).toBe(0)
  })

  it('in pieces it is the same, and no piece is more than a channel', () => {
    const [photo, edit] = [picture(200, 50, 3, 1), picture(200, 50, 4, 2)]
    const layers = [
      { name: 'photo', image: photo },
      { name: 'edit layer', image: edit },
    ]
    const pieces = [...psdLayerPieces(photo, layers)]
    expect(Buffer.compare(Buffer.concat(pieces), writePsdLayers(photo, layers))).toBe(0)
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(packedRoom(200) * 50)
  })

  it('refuses a side over 30000 px', () => {
    expect(() => writePsdLayers(pixelImage(30001, 1, 1, new Uint8Array(30001)), [])).toThrow('30001x1')
  })
})

it('packBits gives every row back, within its room', () => {
  const row = fc
    .array(
      fc.tuple(
        fc.integer({ min: 0, max: 3 }),
        fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 120, max: 270 })),
      ),
      { minLength: 1, maxLength: 12 },
    )
    .map((runs) => Uint8Array.from(runs.flatMap(([value, length]) => Array<number>(length).fill(value))))
  fc.assert(
    fc.property(row, (bytes) => {
      const out = new Uint8Array(packedRoom(bytes.length))
      const end = packBits(bytes, out, 0)
      expect(end).toBeLessThanOrEqual(out.length)
      const back: number[] = []
      for (let i = 0; i < end;) {
        const head = out[i++]!
        if (head < 128) {
          back.push(...out.subarray(i, i + head + 1))
          i += head + 1
        } else back.push(...Array<number>(257 - head).fill(out[i++]!))
      }
      expect(back).toEqual([...bytes])
    }),
  )
})
