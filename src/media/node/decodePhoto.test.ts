import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../errors.js'
import type { FloatImage } from '../image.js'
import { decodeMask } from './decodeMask.js'
import { decodePhoto } from './decodePhoto.js'

const [width, height] = [64, 48]
const flat = (rgb: readonly number[]) =>
  Uint8Array.from({ length: width * height * rgb.length }, (_, i) => rgb[i % rgb.length]!)
const flat16 = (rgb: readonly number[]) =>
  Uint16Array.from({ length: width * height * rgb.length }, (_, i) => rgb[i % rgb.length]!)
const raw = (data: Uint8Array | Uint16Array, channels: 1 | 3 | 4 = 3) =>
  sharp(data, { raw: { width, height, channels } })
const pixel = (image: FloatImage, x: number, y: number) =>
  Array.from({ length: image.channels }, (_, c) => image.data[(c * image.height + y) * image.width + x]! * 255)
function near(actual: readonly number[], expected: readonly number[], within: number) {
  expect(actual.length).toBe(expected.length)
  actual.forEach((value, i) =>
    expect(Math.abs(value - expected[i]!), `${actual.join(', ')} vs ${expected.join(', ')}`).toBeLessThanOrEqual(
      within + 1e-4,
    ),
  )
}

/** Display P3 to sRGB, both with sRGB's curve; 0 to 1. */
function p3ToSrgb(rgb: readonly number[]): number[] {
  const linear = rgb.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  const matrix = [
    [1.22494, -0.22494, 0],
    [-0.042057, 1.042057, 0],
    [-0.019638, -0.078636, 1.098274],
  ]
  return matrix
    .map((row) => row.reduce((sum, m, i) => sum + m * linear[i]!, 0))
    .map((v) => (v <= 0.0031308 ? 12.92 * Math.max(0, v) : 1.055 * v ** (1 / 2.4) - 0.055))
}

/** Red upper left, green upper right, blue lower left, white lower right. */
const corners = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
]

/**
 * Where the stored pixel (x, y) is seen: EXIF says which sides of the scene the stored first row and first column are.
 */
function uprightPosition(orientation: number, x: number, y: number): [number, number] {
  const positions: [number, number][] = [
    [x, y],
    [width - 1 - x, y],
    [width - 1 - x, height - 1 - y],
    [x, height - 1 - y],
    [y, x],
    [width - 1 - y, x],
    [width - 1 - y, height - 1 - x],
    [y, height - 1 - x],
  ]
  return positions[orientation - 1]!
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text2live-decode-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

describe('decodePhoto', () => {
  const lossless = { png: 0, webp: 0, tiff: 0, avif: 1, jpeg: 3 } as const
  for (const [format, within] of Object.entries(lossless) as ['png' | 'webp' | 'tiff' | 'avif' | 'jpeg', number][]) {
    it(`reads ${format}, from a path and from bytes`, async () => {
      const options =
        format === 'webp' || format === 'avif'
          ? { lossless: true }
          : format === 'tiff'
            ? { compression: 'lzw' as const }
            : {}
      const bytes = await raw(flat([200, 60, 30]))
        [format](options)
        .toBuffer()
      const path = join(folder, `photo.${format}`)
      await writeFile(path, bytes)
      for (const source of [path, new Uint8Array(bytes)]) {
        const photo = await decodePhoto(source)
        expect(photo).toMatchObject({ format, bitDepth: 8, orientation: 1, rgb: { width, height, channels: 3 } })
        expect(photo.alpha).toBeUndefined()
        expect(Buffer.compare(photo.bytes, bytes)).toBe(0)
        near(pixel(photo.rgb, 10, 10), [200, 60, 30], within)
      }
    })
  }

  for (let orientation = 1; orientation <= 8; orientation++) {
    it(`turns EXIF orientation ${orientation} upright`, async () => {
      const [w, h] = orientation < 5 ? [width, height] : [height, width]
      const stored = Uint8Array.from({ length: 3 * w * h }, (_, i) => {
        const [u, v] = uprightPosition(orientation, Math.floor(i / 3) % w, Math.floor(i / 3 / w))
        return corners[(u < width / 2 ? 0 : 1) + (v < height / 2 ? 0 : 2)]![i % 3]!
      })
      const photo = await decodePhoto(
        await sharp(stored, { raw: { width: w, height: h, channels: 3 } })
          .withMetadata({ orientation })
          .png()
          .toBuffer(),
      )
      expect(photo.orientation).toBe(orientation)
      expect([photo.rgb.width, photo.rgb.height]).toEqual([width, height])
      expect(
        [
          [5, 5],
          [60, 5],
          [5, 40],
          [60, 40],
        ].map(([x, y]) => pixel(photo.rgb, x!, y!)),
      ).toEqual(corners)
    })
  }

  it('converts an 8-bit Display P3 photo to sRGB', async () => {
    const bytes = await raw(flat([200, 60, 30]))
      .withIccProfile('p3')
      .png()
      .toBuffer()
    near([...(await sharp(bytes, { ignoreIcc: true }).raw().toBuffer()).subarray(0, 3)], [185, 71, 43], 1)
    near(pixel((await decodePhoto(bytes)).rgb, 3, 3), [200, 60, 30], 1)
  })

  it('converts a 16-bit Display P3 photo to sRGB at 16 bits', async () => {
    const samples = [25733, 25790, 23137]
    // 16-bit samples are not converted on writing: these are P3 values, tagged.
    const bytes = await raw(flat16(samples)).toColourspace('rgb16').withIccProfile('p3').png().toBuffer()
    const photo = await decodePhoto(bytes)
    expect(photo.bitDepth).toBe(16)
    const expected = p3ToSrgb(samples.map((v) => v / 65535)).map((v) => v * 255)
    near(pixel(photo.rgb, 3, 3), expected, 0.02)
    expect(Math.abs(expected[2]! - samples[2]! / 257)).toBeGreaterThan(1)
  })

  for (const format of ['jpeg', 'tiff'] as const) {
    it(`converts CMYK ${format} through its profile`, async () => {
      const bytes = await raw(flat([200, 60, 30]))
        .toColourspace('cmyk')
        .withIccProfile('cmyk')
        [format]()
        .toBuffer()
      expect((await sharp(bytes).metadata()).space).toBe('cmyk')
      near(pixel((await decodePhoto(bytes)).rgb, 3, 3), [200, 60, 30], 10)
    })
  }

  it('makes grey and palette images RGB', async () => {
    near(
      pixel(
        (
          await decodePhoto(
            await raw(flat([77]), 1)
              .toColourspace('b-w')
              .png()
              .toBuffer(),
          )
        ).rgb,
        1,
        1,
      ),
      [77, 77, 77],
      0,
    )
    const palette = await raw(flat([200, 60, 30]))
      .png({ palette: true })
      .toBuffer()
    expect((await sharp(palette).metadata()).isPalette).toBe(true)
    near(pixel((await decodePhoto(palette)).rgb, 1, 1), [200, 60, 30], 0)
  })

  it('keeps 16 bits of PNG, TIFF and grey PNG', async () => {
    const samples = Uint16Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 65536)
    for (const format of ['png', 'tiff'] as const) {
      const options = format === 'tiff' ? { compression: 'lzw' as const } : {}
      const photo = await decodePhoto(await raw(samples).toColourspace('rgb16')[format](options).toBuffer())
      expect(photo.bitDepth).toBe(16)
      const plane = width * height
      expect(
        samples.every((v, i) => Math.round(photo.rgb.data[(i % 3) * plane + Math.floor(i / 3)]! * 65535) === v),
      ).toBe(true)
    }
    const grey = await decodePhoto(
      await raw(samples.subarray(0, width * height), 1)
        .toColourspace('grey16')
        .png()
        .toBuffer(),
    )
    expect(grey.bitDepth).toBe(16)
    near(
      pixel(grey.rgb, 5, 0).map((v) => v * 257),
      [5 * 7919, 5 * 7919, 5 * 7919],
      0.01,
    )
  })

  it('stretches 10-bit AVIF to the full range', async () => {
    const photo = await decodePhoto(
      await raw(flat([255, 255, 255]))
        .avif({ bitdepth: 10, lossless: true })
        .toBuffer(),
    )
    expect(photo.bitDepth).toBe(16)
    // The encoder turns 8-bit white into 1020 of 1023.
    near(
      pixel(photo.rgb, 3, 3),
      [1020, 1020, 1020].map((v) => (v * 255) / 1023),
      0.01,
    )
  })

  it("gives the photo's own alpha where it is not opaque, straight", async () => {
    const rgba = flat([200, 60, 30, 255])
    expect((await decodePhoto(await raw(rgba, 4).png().toBuffer())).alpha).toBeUndefined()
    rgba[3] = 0
    rgba[7] = 51
    const photo = await decodePhoto(await raw(rgba, 4).png().toBuffer())
    expect(photo.alpha).toMatchObject({ width, height, channels: 1 })
    expect([...photo.alpha!.data.subarray(0, 3)].map((v) => Math.round(v * 255))).toEqual([0, 51, 255])
    near(pixel(photo.rgb, 0, 0), [200, 60, 30], 0)
    await expect(
      decodePhoto(
        await raw(flat([1, 2, 3, 0]), 4)
          .png()
          .toBuffer(),
      ),
    ).rejects.toMatchObject({ code: 'MASK_INVALID' })
  })

  it('takes the first frame of an animation', async () => {
    const frames = Uint8Array.from({ length: width * height * 2 * 3 }, (_, i) => (i < width * height * 3 ? 250 : 5))
    const bytes = await sharp(frames, { raw: { width, height: height * 2, channels: 3, pageHeight: height } })
      .webp({ lossless: true })
      .toBuffer()
    expect((await sharp(bytes).metadata()).pages).toBe(2)
    const photo = await decodePhoto(bytes)
    expect(photo.rgb.height).toBe(height)
    near(pixel(photo.rgb, 9, 40), [250, 250, 250], 0)
  })

  const refused = (source: string | Uint8Array, code: ErrorCode, text: string) =>
    expect(decodePhoto(source)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text) as string,
      exitStatus: 2,
    })

  it('says what is wrong with a file', async () => {
    await mkdir(join(folder, 'sub'))
    await refused(join(folder, 'none.jpg'), 'INPUT_NOT_FOUND', 'there is no file')
    await refused(join(folder, 'sub'), 'INPUT_NOT_FOUND', 'is a folder')
    await refused(new Uint8Array(0), 'INPUT_EMPTY', '0 bytes')
    await refused(Buffer.from('hello, this is no image'), 'INPUT_NOT_IMAGE', 'text ("hello')
    await refused(Buffer.from('%PDF-1.7 ...'), 'INPUT_NOT_IMAGE', 'PDF')
    await refused(
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>'),
      'INPUT_NOT_IMAGE',
      'SVG',
    )
    await refused(Uint8Array.of(0, 1, 2, 3, 250), 'INPUT_NOT_IMAGE', '00 01 02 03 fa')
    await refused(
      await sharp({ create: { width: 1, height: 1, channels: 3, background: '#fff' } })
        .png()
        .toBuffer(),
      'INPUT_TOO_SMALL',
      '1x1',
    )
    await refused(
      await sharp({ create: { width: 31, height: 99, channels: 3, background: '#fff' } })
        .jpeg()
        .toBuffer(),
      'INPUT_TOO_SMALL',
      '31x99',
    )
  })

  it('finds every format that is cut short', async () => {
    const noise = Uint8Array.from({ length: width * height * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255)
    for (const format of ['jpeg', 'png', 'webp', 'avif', 'tiff'] as const) {
      const bytes = await raw(noise)[format]().toBuffer()
      for (const part of [0.3, 0.7, 0.98])
        await refused(bytes.subarray(0, Math.floor(bytes.length * part)), 'INPUT_TRUNCATED', 'cut short')
    }
  })

  it('refuses 30000x30000 from the header, without decoding', async () => {
    const chunk = (type: string, data: Buffer) => {
      const body = Buffer.concat([Buffer.from(type), data])
      const out = Buffer.alloc(body.length + 8)
      out.writeUInt32BE(data.length)
      body.copy(out, 4)
      out.writeUInt32BE(crc32(body), body.length + 4)
      return out
    }
    const header = Buffer.from([0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 8, 2, 0, 0, 0])
    const png = Buffer.concat([
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      chunk('IHDR', header),
      chunk('IDAT', deflateSync(Buffer.alloc(100))),
      chunk('IEND', Buffer.alloc(0)),
    ])
    const before = process.memoryUsage().arrayBuffers
    await refused(png, 'INPUT_TOO_LARGE', '30000x30000, 900 megapixels')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6)
  })
})

describe('decodeMask', () => {
  it('reads luma, 8 and 16 bits, or alpha where there is any', async () => {
    const grey = flat([0])
    grey[1] = 51
    expect(
      [
        ...(
          await decodeMask(await raw(grey, 1).toColourspace('b-w').png().toBuffer(), width, height)
        ).image.data.subarray(0, 3),
      ].map((v) => Math.round(v * 255)),
    ).toEqual([0, 51, 0])
    const { image: fine } = await decodeMask(
      await raw(flat16([12345]), 1)
        .toColourspace('grey16')
        .png()
        .toBuffer(),
      width,
      height,
    )
    expect(fine.data[7]! * 65535).toBeCloseTo(12345, 1)
    const shape = flat([0, 0, 0, 0])
    shape[3] = 255
    expect([
      ...(await decodeMask(await raw(shape, 4).png().toBuffer(), width, height)).image.data.subarray(0, 2),
    ]).toEqual([1, 0])
  })

  it('refuses another size, and a mask that lets nothing through', async () => {
    const white = await raw(flat([255, 255, 255]))
      .png()
      .toBuffer()
    await expect(decodeMask(white, 48, 64)).rejects.toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringMatching(/48x64.*64x48/) as string,
    })
    const black = await raw(flat([0, 0, 0]))
      .png()
      .toBuffer()
    await expect(decodeMask(black, width, height)).rejects.toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('black') as string,
    })
    await expect(decodeMask(join(folder, 'no-mask.png'), width, height)).rejects.toMatchObject({
      code: 'INPUT_NOT_FOUND',
    })
  })
})

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let k = 0; k < 8; k++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
