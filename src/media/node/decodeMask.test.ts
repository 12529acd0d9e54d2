import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { decodeMask } from './decodeMask.js'

const [width, height] = [40, 30]
const isObject = (i: number): boolean =>
  i % width >= 10 && i % width < 30 && Math.floor(i / width) >= 8 && Math.floor(i / width) < 20
const inCorner = (i: number): boolean => i % width < 4 && Math.floor(i / width) < 4

/** Each pixel by its place; the number of values is that of the channels. */
function picture(of: (i: number) => readonly number[]) {
  const pixels = Array.from({ length: width * height }, (_, i) => of(i))
  return sharp(Uint8Array.from(pixels.flat()), { raw: { width, height, channels: pixels[0]!.length as 1 | 2 | 3 | 4 } })
}
const picture16 = (of: (i: number) => number) =>
  sharp(
    Uint16Array.from({ length: width * height }, (_, i) => of(i)),
    { raw: { width, height, channels: 1 } },
  ).toColourspace('grey16')

async function read(bytes: Uint8Array): Promise<{ at: (i: number) => number; notes: string[]; isShape: boolean }> {
  const {
    image: { data },
    notes,
  } = await decodeMask(bytes, width, height)
  return { at: (i) => data[i]!, notes: [...notes], isShape: data.every((value, i) => value === (isObject(i) ? 1 : 0)) }
}

/** A PNG with a palette, its indices as they are given: encoders choose their own. */
function palettePng(
  depth: 1 | 2 | 4 | 8,
  colours: readonly (readonly number[])[],
  of: (i: number) => number,
  shares?: readonly number[],
): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length)
    body.copy(out, 4)
    let crc = 0xffffffff
    for (const value of body) {
      crc ^= value
      for (let k = 0; k < 8; k++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
    }
    out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4)
    return out
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([depth, 3], 8)
  const rows = Array.from({ length: height }, (_, y) => {
    const row = Buffer.alloc(1 + Math.ceil((width * depth) / 8))
    for (let x = 0; x < width; x++)
      row[1 + Math.floor((x * depth) / 8)]! |= of(y * width + x) << (8 - depth - ((x * depth) % 8))
    return row
  })
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('PLTE', Uint8Array.from(colours.flat())),
    ...(shares === undefined ? [] : [chunk('tRNS', Uint8Array.from(shares))]),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

const black = [0, 0, 0]
const davis = [black, [128, 0, 0], [0, 128, 0], [128, 128, 0]]

describe('labels', () => {
  it.each([1, 2, 4, 8] as const)(
    'a palette of %i bits: index 0 is the background, however dark the others are',
    async (depth) => {
      const { isShape, notes } = await read(palettePng(depth, davis.slice(0, 2), (i) => (isObject(i) ? 1 : 0)))
      expect(isShape).toBe(true)
      expect(notes).toEqual([expect.stringContaining('0 is the background, 1 the object') as string])
    },
  )

  it('several indices are one object, and are named', async () => {
    const { isShape, notes } = await read(palettePng(8, davis, (i) => (isObject(i) ? 1 + (i % 3) : 0)))
    expect(isShape).toBe(true)
    expect(notes).toEqual([expect.stringContaining('1, 2 and 3; together they are the object') as string])
  })

  it('a palette that begins with the object: black is the background', async () => {
    expect((await read(palettePng(1, [[200, 0, 0], black], (i) => (isObject(i) ? 0 : 1)))).isShape).toBe(true)
  })

  it('a palette whose background is transparent', async () => {
    expect(
      (
        await read(
          palettePng(
            2,
            [
              [90, 90, 200],
              [200, 0, 0],
              [9, 99, 0],
            ],
            (i) => (isObject(i) ? 1 + (i % 2) : 0),
            [0, 255, 255],
          ),
        )
      ).isShape,
    ).toBe(true)
  })

  it('a palette of black and white, in either order, is a picture like others', async () => {
    for (const colours of [
      [black, [255, 255, 255]],
      [[255, 255, 255], black],
    ]) {
      const { isShape, notes } = await read(
        palettePng(1, colours, (i) => (isObject(i) === (colours[0] === black) ? 1 : 0)),
      )
      expect([isShape, notes]).toEqual([true, []])
    }
  })

  it('the void of PASCAL VOC is no object', async () => {
    const colours = Array.from({ length: 256 }, (_, i) =>
      i === 255 ? [224, 224, 192] : i === 0 ? black : [i, 10, 100],
    )
    const { isShape, notes } = await read(palettePng(8, colours, (i) => (isObject(i) ? 12 : inCorner(i) ? 255 : 0)))
    expect([isShape, notes.length]).toEqual([true, 2])
  })

  it.each([
    ['0 and 1', 1, 1],
    ['0, 1 and 2', 1, 2],
    ['0 and 38', 38, 38],
  ])('greys of %s, in 8 bits', async (_, left, right) => {
    const { isShape, notes } = await read(
      await picture((i) => [isObject(i) ? (i % width < 20 ? left : right) : 0])
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    expect([isShape, notes.length]).toEqual([true, 1])
  })

  it('greys of 0 and 1, of 0 and 255, and of Cityscapes, in 16 bits', async () => {
    for (const label of [1, 255, 26001])
      expect(
        (
          await read(
            await picture16((i) => (isObject(i) ? label : 0))
              .png()
              .toBuffer(),
          )
        ).isShape,
        `${label}`,
      ).toBe(true)
  })

  it('colours on black, as masks are drawn to be looked at', async () => {
    const { isShape, notes } = await read(
      await picture((i) => (isObject(i) ? (i % width < 20 ? [128, 0, 0] : [0, 128, 0]) : black))
        .png()
        .toBuffer(),
    )
    expect(isShape).toBe(true)
    expect(notes).toEqual([expect.stringContaining('#800000, #008000') as string])
  })
})

describe('greys', () => {
  it('black and white of 1, 8 and 16 bits, soft values, without a word', async () => {
    for (const bytes of [
      await picture((i) => [isObject(i) ? 255 : 0])
        .toColourspace('b-w')
        .png({ compressionLevel: 0 })
        .toBuffer(),
      await picture((i) => [isObject(i) ? 255 : 0])
        .toColourspace('b-w')
        .tiff({ bitdepth: 1 })
        .toBuffer(),
      await picture16((i) => (isObject(i) ? 65535 : 0))
        .png()
        .toBuffer(),
    ])
      expect(await read(bytes)).toMatchObject({ isShape: true, notes: [] })
    const soft = await read(
      await picture((i) => [isObject(i) ? 102 + (i % 128) : 0])
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    expect(Math.round(255 * soft.at(10 * width + 12))).toBe(102 + ((10 * width + 12) % 128))
    expect(soft.notes).toEqual([])
  })

  it('an object that is nowhere light is said to make the edit faint; labels are flat, noise is none', async () => {
    const { at, notes } = await read(
      await picture((i) => [isObject(i) ? 60 + (i % 40) : 0])
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    expect(at(0)).toBe(0)
    expect(notes).toEqual([expect.stringContaining('nowhere lighter than 35 %') as string])
    const noise = picture((i) => [(Math.imul(i + 1, 2654435761) >>> 13) % 8])
      .toColourspace('b-w')
      .png()
      .toBuffer()
    await expect(read(await noise)).rejects.toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('nowhere lighter than 3 %') as string,
    })
  })

  it('what lossy formats make of black is no label', async () => {
    await expect(
      read(
        await picture((i) => (isObject(i) ? [2, 2, 2] : black))
          .jpeg()
          .toBuffer(),
      ),
    ).rejects.toMatchObject({ code: 'MASK_INVALID' })
  })

  it('black all over is refused, white or grey all over is told', async () => {
    await expect(
      read(
        await picture(() => [0])
          .toColourspace('b-w')
          .png()
          .toBuffer(),
      ),
    ).rejects.toMatchObject({ code: 'MASK_INVALID' })
    for (const value of [255, 128]) {
      expect(
        (
          await read(
            await picture((i) => [value - (i % 2)])
              .toColourspace('b-w')
              .png()
              .toBuffer(),
          )
        ).notes,
      ).toEqual([expect.stringContaining('bounds nothing') as string])
    }
  })
})

describe('transparency', () => {
  it('black and white with an erased corner: what is erased is black, the paint stays', async () => {
    const { isShape, notes } = await read(
      await picture((i) => (isObject(i) ? [255, 255, 255, 255] : [0, 0, 0, inCorner(i) ? 0 : 255]))
        .png()
        .toBuffer(),
    )
    expect(isShape).toBe(true)
    expect(notes).toEqual([expect.stringContaining('count as black') as string])
    const erased = await read(
      await picture((i) => [255 * Number(isObject(i) || inCorner(i)), inCorner(i) ? 0 : 255])
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    expect(erased.isShape).toBe(true)
  })

  it.each([
    ['white', [255, 255, 255]],
    ['black', black],
    ['red', [255, 0, 0]],
    ['dark blue', [0, 0, 90]],
  ])('painted in %s on nothing: alpha is the mask', async (_, colour) => {
    for (const under of [black, [255, 255, 255], colour]) {
      expect(
        await read(
          await picture((i) => (isObject(i) ? [...colour, 255] : [...under, 0]))
            .png()
            .toBuffer(),
        ),
      ).toMatchObject({ isShape: true, notes: [] })
    }
    expect(
      (
        await read(
          await picture((i) => [...colour, isObject(i) ? 204 : 0])
            .png()
            .toBuffer(),
        )
      ).at(10 * width + 12),
    ).toBeCloseTo(0.8, 6)
  })

  it('an object cut out with its own colours: alpha is the mask', async () => {
    const { isShape, notes } = await read(
      await picture((i) => [(i * 37) % 256, (i * 11) % 200, 50, isObject(i) ? 255 : 0])
        .png()
        .toBuffer(),
    )
    expect(isShape).toBe(true)
    expect(notes).toEqual([expect.stringContaining('read as a cut-out') as string])
    const grey = await read(
      await picture((i) => [(i * 37) % 256, isObject(i) ? 255 : 0])
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    expect(grey.isShape).toBe(true)
  })

  it('labels of 0 and 1 with an erased corner', async () => {
    expect(
      (
        await read(
          await picture((i) => [isObject(i) ? 1 : 0, inCorner(i) ? 0 : 255])
            .toColourspace('b-w')
            .png()
            .toBuffer(),
        )
      ).isShape,
    ).toBe(true)
  })

  it('transparent all over is refused', async () => {
    await expect(
      read(
        await picture(() => [255, 255, 255, 0])
          .png()
          .toBuffer(),
      ),
    ).rejects.toMatchObject({ code: 'MASK_INVALID' })
  })
})
