import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { sharpCodec } from '../node/sharpCodec.js'
import { pixelImage, quantise } from '../quantise.js'
import { browserCodec } from './browserCodec.js'

const [width, height] = [41, 37]
const plane = width * height
const samples = (channels: number, top: number) =>
  Array.from({ length: channels * plane }, (_, i) => (i * 7919) % (top + 1))

/** PNG files of every kind that is decoded without the browser's help. */
async function pngs(): Promise<[string, Uint8Array][]> {
  const raw = (channels: 1 | 2 | 3 | 4) =>
    sharp(Uint8Array.from(samples(channels, 255)), { raw: { width, height, channels } })
  const raw16 = (channels: 1 | 3 | 4) =>
    sharp(Uint16Array.from(samples(channels, 65535)), { raw: { width, height, channels } })
  const shades = sharp(
    Uint8Array.from({ length: plane }, (_, i) => (i % 4) * 85),
    { raw: { width, height, channels: 1 } },
  )
  return await Promise.all(
    (
      [
        ['grey', raw(1).toColourspace('b-w').png()],
        ['RGB', raw(3).png()],
        ['RGBA', raw(4).png()],
        ['grey and alpha', raw(2).toColourspace('b-w').png()],
        ['RGB, 16 bits', raw16(3).toColourspace('rgb16').png()],
        ['RGBA, 16 bits', raw16(4).toColourspace('rgb16').png()],
        [
          'grey, 2 bits',
          shades
            .clone()
            .toColourspace('b-w')
            .png({ palette: false, colours: 4, bitdepth: 2 } as never),
        ],
        ['palette of 16', raw(3).png({ palette: true, colours: 16 })],
        ['palette of 200, with alpha', raw(4).png({ palette: true, colours: 200 })],
        ['interlaced', raw(3).png({ progressive: true })],
      ] as const
    ).map(async ([name, image]) => [name, new Uint8Array(await image.toBuffer())] as [string, Uint8Array]),
  )
}

describe('PNG in a browser', () => {
  it('is decoded to the samples that Node decodes', async () => {
    for (const [name, bytes] of await pngs()) {
      const [here, node] = [await browserCodec.decodePhoto(bytes), await sharpCodec.decodePhoto(bytes)]
      expect([here.pixels.width, here.pixels.height, here.pixels.channels, here.bitDepth], name).toEqual([
        node.pixels.width,
        node.pixels.height,
        node.pixels.channels,
        node.bitDepth,
      ])
      expect(
        here.pixels.data.every((value, i) => value === node.pixels.data[i]),
        name,
      ).toBe(true)
    }
  })

  it('comes back as it was written, 8 and 16 bits, colours under alpha 0 too, by both codecs', async () => {
    for (const channels of [1, 3, 4] as const) {
      for (const bits of [8, 16] as const) {
        const image = quantise(
          { width, height, channels, data: Float32Array.from(samples(channels, 65535), (x) => x / 65535) },
          bits,
        )
        if (channels === 4) for (let i = 0; i < plane; i += 2) image.data[4 * i + 3] = 0
        const png = await browserCodec.encodePng(image)
        for (const codec of [browserCodec, sharpCodec]) {
          const { pixels } = await codec.decodePhoto(png)
          const spread = channels === 1 ? (i: number) => Math.floor(i / 3) : (i: number) => i
          expect(pixels.bitDepth).toBe(bits)
          expect(
            pixels.data.every((value, i) => value === image.data[spread(i)]),
            `${channels} channels, ${bits} bits`,
          ).toBe(true)
        }
      }
    }
  })

  it('as a mask is read as in Node: greys, labels of a palette, what is cut out', async () => {
    const inside = (i: number): boolean => i % width > 10 && i % width < 30
    const masks = [
      sharp(
        Uint8Array.from({ length: plane }, (_, i) => (inside(i) ? 255 : 0)),
        { raw: { width, height, channels: 1 } },
      )
        .toColourspace('b-w')
        .png(),
      sharp(
        Uint8Array.from({ length: 3 * plane }, (_, k) => (inside(Math.floor(k / 3)) ? [128, 0, 0][k % 3]! : 0)),
        { raw: { width, height, channels: 3 } },
      ).png({ palette: true }),
      sharp(
        Uint8Array.from({ length: 4 * plane }, (_, k) =>
          k % 4 === 3 ? (inside(Math.floor(k / 4)) ? 255 : 0) : k % 200,
        ),
        { raw: { width, height, channels: 4 } },
      ).png(),
    ]
    for (const mask of masks) {
      const bytes = new Uint8Array(await mask.toBuffer())
      const [here, node] = [
        await browserCodec.decodeMask(bytes, width, height),
        await sharpCodec.decodeMask(bytes, width, height),
      ]
      expect(here.image.data).toEqual(node.image.data)
      expect(here.notes).toEqual(node.notes)
      expect(here.image.data.every((value, i) => value === (inside(i) ? 1 : 0))).toBe(true)
    }
  })

  it('that is damaged, empty, no picture, too small, of another size as a mask, or a path, is refused with a code', async () => {
    const whole = await browserCodec.encodePng(pixelImage(width, height, 3, new Uint8Array(3 * plane)))
    const small = await browserCodec.encodePng(pixelImage(8, 8, 3, new Uint8Array(192)))
    await expect(browserCodec.decodePhoto(whole.slice(0, 60))).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
    await expect(browserCodec.decodePhoto(new Uint8Array(0))).rejects.toMatchObject({ code: 'INPUT_EMPTY' })
    await expect(browserCodec.decodePhoto(new TextEncoder().encode('<svg/>'))).rejects.toMatchObject({
      code: 'INPUT_NOT_IMAGE',
    })
    await expect(browserCodec.decodePhoto({ name: 'a.png', bytes: small })).rejects.toMatchObject({
      code: 'INPUT_TOO_SMALL',
      message: expect.stringContaining('"a.png" is 8x8') as string,
    })
    await expect(browserCodec.decodeMask(whole, 10, 10)).rejects.toMatchObject({ code: 'MASK_INVALID' })
    await expect(browserCodec.decodePhoto('photo.png')).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    const huge = whole.slice()
    new DataView(huge.buffer).setUint32(16, 60_000)
    new DataView(huge.buffer).setUint32(20, 60_000)
    await expect(browserCodec.decodePhoto(huge)).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' })
  })
})
