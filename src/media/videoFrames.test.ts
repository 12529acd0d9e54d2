import { describe, expect, it } from 'vitest'
import { missingBytes } from './containerEnd.js'
import { rgbToYuv } from './rgbToYuv.js'
import { sideBySide } from './sideBySide.js'
import { steadyRate, tickRate } from './tickRate.js'
import { turnFrame } from './turnFrame.js'
import { yuvToRgb, type YuvPlanes } from './yuvToRgb.js'

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Planes without gaps, as `rgbToYuv` gives them. */
function planesOf(data: Uint8Array | Uint16Array, width: number, height: number, half: boolean): YuvPlanes {
  const [columns, rows] = half ? [Math.ceil(width / 2), Math.ceil(height / 2)] : [width, height]
  return {
    width,
    height,
    data,
    chroma: half ? [2, 2] : [1, 1],
    bits: data instanceof Uint16Array ? 10 : 8,
    planes: [
      { offset: 0, stride: width },
      { offset: width * height, stride: columns },
      { offset: width * height + columns * rows, stride: columns },
    ],
  }
}

describe('YUV', () => {
  it('has the codes of BT.709 for the primaries, limited range', () => {
    const colours = {
      red: [255, 0, 0],
      green: [0, 255, 0],
      blue: [0, 0, 255],
      white: [255, 255, 255],
      black: [0, 0, 0],
    }
    // ITU-R BT.709-6, 3.2 to 3.5: Y 16 to 235, chroma 16 to 240.
    const codes = {
      red: [63, 102, 240],
      green: [173, 42, 26],
      blue: [32, 240, 118],
      white: [235, 128, 128],
      black: [16, 128, 128],
    }
    for (const name of ['red', 'green', 'blue', 'white', 'black'] as const) {
      const yuv = rgbToYuv(
        Uint8Array.from(range(12), (i) => colours[name][i % 3]!),
        2,
        2,
        3,
        '420',
      )
      expect([yuv[0], yuv[4], yuv[5]], name).toEqual(codes[name])
    }
  })

  it('of BT.601 and of full range is read as such', () => {
    const read = (y: number, u: number, v: number, matrix: 'bt601' | 'bt709', full: boolean) => [
      ...yuvToRgb(planesOf(Uint8Array.of(y, u, v), 1, 1, true), matrix, full),
    ]
    expect(read(81, 90, 240, 'bt601', false)).toEqual([254, 0, 0])
    expect(read(76, 85, 255, 'bt601', true)).toEqual([254, 0, 0])
    expect(read(255, 128, 128, 'bt709', true)).toEqual([255, 255, 255])
    expect(read(16, 128, 128, 'bt709', true)).toEqual([16, 16, 16])
  })

  for (const [layout, most] of [
    ['420', 2],
    ['444p10', 1],
  ] as const) {
    it(`${layout}: slow gradients come back within ${most} of 255, sides of any parity; alpha as it was`, () => {
      for (const [width, height] of [
        [16, 12],
        [15, 11],
        [1, 1],
        [2, 7],
      ] as const) {
        const pixels = Uint8Array.from(range(4 * width * height), (i) => {
          const [x, y] = [(i >> 2) % width, Math.floor((i >> 2) / width)]
          return [40 + x, 90 + y, 120 + x + y, (i * 31) % 256][i % 4]!
        })
        const yuv = rgbToYuv(pixels, width, height, 4, layout)
        const back = yuvToRgb(planesOf(yuv, width, height, layout === '420'), 'bt709', false)
        for (let i = 0; i < width * height; i++) {
          for (let c = 0; c < 3; c++) expect(Math.abs(back[3 * i + c]! - pixels[4 * i + c]!)).toBeLessThanOrEqual(most)
          expect(Math.round(yuv[yuv.length - width * height + i]! / (layout === '420' ? 1 : 1023 / 255))).toBe(
            pixels[4 * i + 3],
          )
        }
      }
    })
  }

  it('with U and V in turns (NV12) reads the same as in planes, also with gaps between the rows', () => {
    const [width, height] = [6, 4]
    const yuv = rgbToYuv(
      Uint8Array.from(range(3 * width * height), (i) => (i * 37) % 256),
      width,
      height,
      3,
      '420',
    )
    const apart = yuvToRgb(planesOf(yuv, width, height, true), 'bt709', false)
    const data = new Uint8Array(8 * 6)
    for (let y = 0; y < height; y++) data.set(yuv.subarray(y * width, (y + 1) * width), 8 * y)
    for (let y = 0; y < 2; y++)
      for (let x = 0; x < 3; x++) data.set([yuv[24 + 3 * y + x]!, yuv[30 + 3 * y + x]!], 8 * (4 + y) + 2 * x)
    const frame: YuvPlanes = {
      width,
      height,
      data,
      bits: 8,
      chroma: [2, 2],
      interleaved: true,
      planes: [
        { offset: 0, stride: 8 },
        { offset: 32, stride: 8 },
      ],
    }
    expect(yuvToRgb(frame, 'bt709', false)).toEqual(apart)
  })
})

describe('frames', () => {
  it('turn clockwise, and then mirror', () => {
    const of = (text: string) =>
      Uint8Array.from(range(3 * text.length), (i) => (i % 3 === 0 ? text.charCodeAt(i / 3) : i % 3))
    const turned = (degrees: 0 | 90 | 180 | 270, mirrored: boolean) =>
      String.fromCharCode(...turnFrame(of('abcdef'), 3, 2, degrees, mirrored).filter((_, i) => i % 3 === 0))
    // abc
    // def
    expect([turned(0, false), turned(90, false), turned(180, false), turned(270, false)]).toEqual([
      'abcdef',
      'daebfc',
      'fedcba',
      'cfbead',
    ])
    expect([turned(0, true), turned(90, true), turned(180, true), turned(270, true)]).toEqual([
      'cbafed',
      'adbecf',
      'defabc',
      'fcebda',
    ])
  })

  it('side by side', () => {
    const [left, right] = [new Uint8Array(12).fill(1), new Uint8Array(12).fill(2)]
    expect([...sideBySide(left, right, 2, 2)]).toEqual([
      1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2,
    ])
    expect(() => sideBySide(left, right, 2, 1)).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }))
  })
})

describe('the clock of a clip', () => {
  const clip = (count: number, duration: number, start = 0) => ({
    timestamps: range(count).map((t) => start + t * duration),
    durations: range(count).map(() => duration),
  })

  it('has the fewest ticks in which all times are whole', () => {
    expect([
      tickRate(clip(200, 1 / 24)),
      tickRate(clip(200, 1001 / 24000)),
      tickRate(clip(9, 0.04, 0.02)),
      tickRate(clip(300, 1 / 59.94)),
    ]).toEqual([24, 24000, 50, 2997])
    expect(tickRate({ timestamps: [0, 0.033, 0.067], durations: [0.033, 0.034, 0.033] })).toBe(1000)
    expect(tickRate({ timestamps: [0, 1 / Math.PI, 1 / Math.E], durations: [0.1, 0.1, 0.1] })).toBe(90_000)
  })

  it('is steady where all frames last equally long', () => {
    expect(steadyRate(clip(30, 1001 / 24000))).toBeCloseTo(23.976, 3)
    expect(steadyRate(clip(5, 0.04, 0.4))).toBeCloseTo(25, 9)
    expect(steadyRate(clip(5, 0.04, 0.01))).toBeNull()
    expect(steadyRate({ timestamps: [0, 0.1, 0.3], durations: [0.1, 0.2, 0.1] })).toBeNull()
    expect(steadyRate({ timestamps: [], durations: [] })).toBeNull()
  })
})

describe('missingBytes', () => {
  const missing = (bytes: readonly number[]) =>
    missingBytes(
      (start, length) => Promise.resolve(Uint8Array.from(bytes).subarray(start, start + length)),
      bytes.length,
    )
  const text = (letters: string) => range(letters.length).map((i) => letters.charCodeAt(i))

  it('goes by the boxes of MP4, also long ones and one that goes to the end', async () => {
    const start = [0, 0, 0, 12, ...text('ftypisom')]
    expect(await missing([...start, 0, 0, 0, 10, ...text('mdat'), 1, 2])).toBe(0)
    expect(await missing([...start, 0, 0, 0, 10, ...text('mdat'), 1])).toBe(1)
    expect(await missing([...start, 0, 0, 0])).toBe(5)
    expect(await missing([...start, 0, 0, 0, 1, ...text('mdat'), 0, 0, 0, 0, 0, 0, 0, 20, 1, 2])).toBe(2)
    expect(await missing([...start, 0, 0, 0, 0, ...text('mdat'), 1, 2, 3])).toBe(0)
  })

  it('goes by the segment of Matroska; one of unknown size ends where it ends', async () => {
    const start = [0x1a, 0x45, 0xdf, 0xa3, 0x82, 1, 2, 0x18, 0x53, 0x80, 0x67]
    expect(await missing([...start, 0x88, 1, 2, 3, 4, 5, 6, 7, 8])).toBe(0)
    expect(await missing([...start, 0x8a, 1, 2, 3, 4, 5, 6, 7, 8])).toBe(2)
    expect(await missing([...start, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])).toBe(0)
    expect(await missing(start)).toBe(8)
  })

  it('says nothing of other files', async () => {
    expect(await missing(text('RIFF\0\0\0\0AVI LIST'))).toBe(0)
  })
})
