import { unzipSync } from 'fflate'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { readPsd } from '../../../test/support/readPsd.js'
import { composeOutputs } from '../composeOutputs.js'
import type { FloatImage } from '../image.js'
import { pixelImage, quantise, type PixelImage } from '../quantise.js'
import { contactSheet } from './contactSheet.js'
import { decodePhoto } from './decodePhoto.js'
import { encodeOra } from '../encodeOra.js'
import { encodePng } from './encodePng.js'
import { encodePsd } from '../encodePsd.js'

const [width, height] = [67, 41]
const plane = width * height
const photo: FloatImage = {
  width,
  height,
  channels: 3,
  data: Float32Array.from({ length: 3 * plane }, (_, i) => ((i * 37) % 256) / 255),
}
const layer: FloatImage = {
  width,
  height,
  channels: 4,
  data: Float32Array.from({ length: 4 * plane }, (_, i) =>
    i < 3 * plane ? 0.5 + 0.5 * Math.sin(i / 9) : Math.max(0, Math.sin((i % width) / 8)),
  ),
}

async function read(png: Uint8Array, sixteen = false): Promise<{ data: Uint8Array | Uint16Array; channels: number }> {
  const { data, info } = await sharp(png)
    .toColourspace(sixteen ? (await sharp(png).metadata()).space : 'srgb')
    .raw({ depth: sixteen ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return {
    data: sixteen ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : new Uint8Array(data),
    channels: info.channels,
  }
}

describe('encodePng', () => {
  // IHDR: bit depth at byte 24, colour type at byte 25 (0 grey, 2 RGB, 6 RGBA).
  for (const [channels, colourType] of [
    [1, 0],
    [3, 2],
    [4, 6],
  ] as const) {
    for (const bitDepth of [8, 16] as const) {
      it(`${channels} channels, ${bitDepth} bits: the same samples come back, also under alpha 0`, async () => {
        const image = quantise(
          {
            width,
            height,
            channels,
            data: Float32Array.from({ length: channels * plane }, (_, i) => ((i * 7919) % 65536) / 65535),
          },
          bitDepth,
        )
        if (channels === 4) for (let i = 0; i < plane; i += 2) image.data[4 * i + 3] = 0
        const png = await encodePng(image)
        expect([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]]).toEqual([
          width,
          height,
          bitDepth,
          colourType,
        ])
        const back = await read(png, bitDepth === 16)
        const step = channels === 1 ? back.channels : 1
        expect(back.data.length).toBe(image.data.length * step)
        expect(image.data.every((v, i) => back.data[i * step] === v)).toBe(true)
      })
    }
  }
})

describe('the pictures of an edit, as files', () => {
  for (const bitDepth of [8, 16] as const) {
    it(`${bitDepth} bits: edit.png over the decoded photo gives composite.png within 1/255, the photo where alpha is 0`, async () => {
      const source = await encodePng(quantise(photo, bitDepth))
      const decoded = await decodePhoto(source)
      const out = composeOutputs(decoded.rgb, layer, decoded.bitDepth)
      const composite = await read(await encodePng(out.composite), bitDepth === 16)
      const edit = await read(await encodePng(out.edit))
      const top = bitDepth === 8 ? 255 : 65535
      expect([edit.channels, composite.channels]).toEqual([4, 3])
      let [worst, clear] = [0, 0]
      for (let i = 0; i < plane; i++) {
        const a = edit.data[4 * i + 3]! / 255
        for (let c = 0; c < 3; c++) {
          const under = decoded.rgb.data[c * plane + i]!
          const got = composite.data[3 * i + c]! / top
          worst = Math.max(worst, Math.abs(got - ((a * edit.data[4 * i + c]!) / 255 + (1 - a) * under)))
          if (a === 0) {
            clear++
            expect(composite.data[3 * i + c]).toBe(Math.round(under * top))
          }
        }
      }
      expect(clear).toBeGreaterThan(100)
      expect(worst).toBeLessThanOrEqual(1 / 255)
    })
  }
})

const outputs = composeOutputs(photo, layer)
const picture = { photo: quantise(photo, 8), edit: outputs.edit, composite: outputs.composite }
const photoAlpha: FloatImage = {
  width,
  height,
  channels: 1,
  data: Float32Array.from({ length: plane }, (_, i) => (i % 5) / 4),
}
const rgbaOf = (image: PixelImage) =>
  Uint8Array.from({ length: 4 * plane }, (_, i) =>
    i % 4 < 3 ? image.data[Math.floor(i / 4) * image.channels + (i % 4)]! : image.channels === 4 ? image.data[i]! : 255,
  )

describe('encodePsd', () => {
  it('has the header of an 8-bit RGB document', () => {
    const psd = Buffer.from(encodePsd(picture))
    expect(psd.toString('latin1', 0, 4)).toBe('8BPS')
    expect(psd.readUInt16BE(4)).toBe(1)
    expect(psd.readUInt16BE(12)).toBeGreaterThanOrEqual(3)
    expect([psd.readUInt32BE(14), psd.readUInt32BE(18), psd.readUInt16BE(22), psd.readUInt16BE(24)]).toEqual([
      height,
      width,
      8,
      3,
    ])
  })

  it('reads back as the layers "photo" and, above it, "edit layer", and the composite', () => {
    const psd = readPsd(encodePsd(picture))
    expect(psd.children?.map(({ name }) => name)).toEqual(['photo', 'edit layer'])
    const [bottom, top] = psd.children!
    expect([bottom!.left, bottom!.top, top!.left, top!.top, bottom!.imageData!.width, top!.imageData!.height]).toEqual([
      0,
      0,
      0,
      0,
      width,
      height,
    ])
    expect(Uint8Array.from(bottom!.imageData!.data)).toEqual(rgbaOf(picture.photo))
    expect(Uint8Array.from(top!.imageData!.data)).toEqual(rgbaOf(picture.edit))
    expect(Uint8Array.from(psd.imageData!.data)).toEqual(rgbaOf(picture.composite))
  })

  it("keeps the photo's own alpha in its layer and in the composite", () => {
    const transparent = composeOutputs(photo, layer, 8, photoAlpha)
    const psd = readPsd(encodePsd(transparent))
    expect(Uint8Array.from(psd.children![0]!.imageData!.data)).toEqual(transparent.photo.data)
    const alphas = (data: ArrayLike<number>) => Array.from({ length: plane }, (_, i) => data[4 * i + 3]!)
    expect(alphas(psd.imageData!.data)).toEqual(alphas(transparent.composite.data))
    expect(new Set(alphas(transparent.composite.data))).toEqual(new Set([0, 64, 128, 191, 255]))
  })

  it('rounds 16-bit pictures to 8, and refuses layers of different sizes', () => {
    const psd = readPsd(encodePsd({ ...picture, photo: quantise(photo, 16) }))
    expect(Uint8Array.from(psd.children![0]!.imageData!.data)).toEqual(rgbaOf(picture.photo))
    expect(() => encodePsd({ ...picture, edit: pixelImage(1, 1, 4, new Uint8Array(4)) })).toThrow('1x1x4')
  })
})

describe('encodeOra', () => {
  it('is a zip whose first entry is the stored mimetype', async () => {
    const ora = Buffer.from(await encodeOra(picture, encodePng))
    expect(ora.readUInt32LE(0)).toBe(0x04034b50)
    expect(ora.readUInt16LE(8)).toBe(0)
    expect(ora.toString('latin1', 30, 54)).toBe('mimetypeimage/openraster')
    expect(Buffer.compare(ora, await encodeOra(picture, encodePng))).toBe(0)
  })

  it('holds the layers named from the top, the merged image and a thumbnail', async () => {
    const files = unzipSync(await encodeOra(picture, encodePng))
    expect(Object.keys(files)).toEqual([
      'mimetype',
      'stack.xml',
      'data/edit.png',
      'data/photo.png',
      'mergedimage.png',
      'Thumbnails/thumbnail.png',
    ])
    const stack = new TextDecoder().decode(files['stack.xml'])
    expect(stack).toContain(`w="${width}" h="${height}"`)
    expect([...stack.matchAll(/<layer name="([^"]*)" src="([^"]*)"/g)].map((m) => [m[1], m[2]])).toEqual([
      ['edit layer', 'data/edit.png'],
      ['photo', 'data/photo.png'],
    ])
    expect((await read(files['data/edit.png']!)).data).toEqual(picture.edit.data)
    expect((await read(files['data/photo.png']!)).data).toEqual(picture.photo.data)
    expect((await read(files['mergedimage.png']!)).data).toEqual(picture.composite.data)
    const thumbnail = await sharp(files['Thumbnails/thumbnail.png']).metadata()
    expect([thumbnail.width, thumbnail.height]).toEqual([width, height])
  })
})

describe('contactSheet', () => {
  const tile = (r: number, g: number, b: number) =>
    pixelImage(
      40,
      20,
      3,
      Uint8Array.from({ length: 40 * 20 * 3 }, (_, i) => [r, g, b][i % 3]!),
    )

  it('puts the images in reading order on a grid near square', async () => {
    const sheet = await contactSheet([tile(255, 0, 0), tile(0, 255, 0), tile(0, 0, 255)], [], 40)
    const { data, info } = await sharp(sheet).raw().toBuffer({ resolveWithObject: true })
    // 3 images of 40x20: 2 columns, 2 rows, 12 px between.
    expect([info.width, info.height]).toEqual([12 + 2 * 52, 12 + 2 * 32])
    const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)]
    expect([at(30, 20), at(80, 20), at(30, 50)]).toEqual([
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
    ])
    expect([at(80, 50), at(2, 2)]).toEqual([
      [24, 24, 24],
      [24, 24, 24],
    ])
  })

  it('draws a label under its image', async () => {
    const sheet = await contactSheet([tile(255, 0, 0)], ['I'], 40)
    const { data, info } = await sharp(sheet).raw().toBuffer({ resolveWithObject: true })
    const lit: string[] = []
    for (let y = 33; y < info.height; y++)
      for (let x = 0; x < info.width; x++) if (data[(y * info.width + x) * 3] === 220) lit.push(`${x - 12},${y - 40}`)
    // "I": bars of 3x1 glyph pixels above and below a stem of 5, each drawn 2x2.
    expect(lit.length).toBe((3 + 5 + 3) * 4)
    expect(lit).toContain('2,0')
    expect(lit).toContain('5,13')
  })

  it('refuses an empty list', async () => {
    await expect(contactSheet([])).rejects.toThrow('at least one')
  })
})
