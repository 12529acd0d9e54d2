import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readClip } from './readClip.js'
import { readClipSound } from './readClipSound.js'
import { streamFrames } from '../streamFrames.js'
import { writeClip } from './writeClip.js'

const fixtures = new URL('../../../test/fixtures/otherClips/', import.meta.url).pathname
const [width, height, count] = [64, 48, 6]

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text2live-other-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

async function save(name: string, bytes: Uint8Array | string): Promise<string> {
  await writeFile(join(folder, name), bytes)
  return join(folder, name)
}
const at = (pixels: Uint8Array, x: number, y: number, across = width) => [
  ...pixels.subarray(3 * (y * across + x), 3 * (y * across + x) + 3),
]
const near = (actual: readonly number[], expected: readonly number[], within: number) =>
  expect(
    Math.max(...actual.map((value, c) => Math.abs(value - expected[c]!))),
    `${actual.join()} for ${expected.join()}`,
  ).toBeLessThanOrEqual(within)

describe('what libav reads', () => {
  for (const file of ['mpeg4.avi', 'mpeg4.mp4', 'mpeg4.mkv', 'mjpeg.mov', 'mjpeg.avi', 'mpeg2.m2t']) {
    it(`${file}: every frame, at its time`, async () => {
      const clip = await readClip(join(fixtures, file))
      expect({ ...clip.frames, pixels: clip.frames.pixels.length }).toEqual({ width, height, pixels: count })
      const start = clip.timing.timestamps[0]!
      for (const [t, pixels] of clip.frames.pixels.entries()) {
        expect(clip.timing.timestamps[t]! - start).toBeCloseTo(t / 25, 3)
        expect(clip.timing.durations[t]).toBeCloseTo(1 / 25, 3)
        near(at(pixels, 12 + 3 * t, 14), [255, 255, 255], 12)
        near(at(pixels, 55, 40), [170, 140, 120], 8)
      }
      expect(clip.notes).toEqual([])
      expect((await readClip(join(fixtures, file), { frames: 3, size: 32 })).frames).toMatchObject({
        width: 42,
        height: 32,
        pixels: { length: 3 },
      })
    })
  }

  it('an AVI that is cut short, or is none', async () => {
    const whole = await readFile(join(fixtures, 'mpeg4.avi'))
    await expect(readClip(await save('cut.avi', whole.subarray(0, 4000)))).rejects.toMatchObject({
      code: 'CLIP_TRUNCATED',
    })
    const none = Buffer.concat([Buffer.from('RIFF\x20\0\0\0AVI '), Buffer.alloc(64, 7)])
    await expect(readClip(await save('none.avi', none))).rejects.toMatchObject({
      code: 'CLIP_NOT_VIDEO',
      message: expect.stringMatching(/AVI.*ffmpeg -i/) as string,
    })
  })
})

it('fields of two moments become whole frames, and it is said', async () => {
  const {
    frames: { pixels },
    notes,
  } = await readClip(join(fixtures, 'interlaced.mp4'))
  expect(notes).toEqual([expect.stringContaining('interlaced') as string])
  expect(pixels.length).toBe(count)
  // In the upper field the square reaches 6 px further than in the lower one: there, rows took turns.
  for (const [t, frame] of pixels.entries()) {
    const column = [12, 13, 14, 15, 16, 17].map((y) => at(frame, 15 + 3 * t, y)[2]!)
    expect(Math.max(...column) - Math.min(...column)).toBeLessThan(30)
  }
})

it('pixels that are nearly square are square, others are not', async () => {
  expect((await readClip(join(fixtures, 'nearlySquare.mp4'))).sourceSize).toEqual({ width, height })
  expect((await readClip(join(fixtures, 'wide.mp4'))).sourceSize).toEqual({
    width: Math.round((width * 4) / 3),
    height,
  })
})

describe('transparency', () => {
  /** A disk that goes right, on transparent magenta. */
  const isOpaque = (t: number, x: number, y: number) => (x - 20 - 3 * t) ** 2 + (y - 24) ** 2 < 120
  const rgba = (t: number) =>
    Uint8Array.from({ length: 4 * width * height }, (_, i) => {
      const [x, y] = [Math.floor(i / 4) % width, Math.floor(i / 4 / width)]
      return (isOpaque(t, x, y) ? [40, 160, 80, 255] : [255, 0, 255, 0])[i % 4]!
    })
  const all = Array.from({ length: count }, (_, t) => rgba(t))
  const timing = { timestamps: all.map((_, t) => t / 25), durations: all.map(() => 1 / 25) }
  const made: Readonly<Record<string, () => Promise<string>>> = {
    'VP9 in WebM': async () => {
      await writeClip(join(folder, 'alpha.webm'), { format: 'webm-alpha', width, height, timing, frames: all })
      return join(folder, 'alpha.webm')
    },
    'ProRes 4444 in MOV': async () => {
      await writeClip(join(folder, 'alpha.mov'), { format: 'prores', width, height, timing, frames: all })
      return join(folder, 'alpha.mov')
    },
    PNGs: async () => {
      await mkdir(join(folder, 'alpha'))
      for (const [t, frame] of all.entries())
        await sharp(frame, { raw: { width, height, channels: 4 } })
          .png()
          .toFile(join(folder, 'alpha', `${t}.png`))
      return join(folder, 'alpha')
    },
    GIF: async () => {
      await sharp(Buffer.concat(all), { raw: { width, height: height * count, channels: 4, pageHeight: height } })
        .gif({ delay: all.map(() => 40) })
        .toFile(join(folder, 'alpha.gif'))
      return join(folder, 'alpha.gif')
    },
  }
  for (const [kind, make] of Object.entries(made)) {
    it(`${kind}: alpha by frame, black where nothing is, and it is said`, async () => {
      const path = await make()
      const { frames, alphas, notes } = await readClip(path)
      expect(alphas?.length).toBe(count)
      expect(notes).toContainEqual(expect.stringContaining('transparency'))
      for (const [t, alpha] of alphas!.entries()) {
        for (const [x, y, opaque] of [
          [20 + 3 * t, 24, true],
          [20 + 3 * t, 18, true],
          [60, 4, false],
          [2, 40, false],
        ] as const) {
          near([alpha[y * width + x]!], [opaque ? 255 : 0], 2)
          near(at(frames.pixels[t]!, x, y), opaque ? [40, 160, 80] : [0, 0, 0], opaque ? 14 : 1)
        }
      }
      // At another size, and as they are streamed.
      const small = await readClip(path, { size: 32 })
      expect(small.alphas!.map(({ length }) => length)).toEqual(all.map(() => 42 * 32))
      const streamed: (Uint8Array | null)[] = []
      for await (const { alpha } of streamFrames((options) => readClip(path, options))) streamed.push(alpha)
      expect(streamed).toEqual(alphas)
    })
  }

  it('a clip that is opaque all over has none', async () => {
    const opaque = all.map((frame) => frame.map((value, i) => (i % 4 === 3 ? 255 : value)))
    await writeClip(join(folder, 'opaque.webm'), { format: 'webm-alpha', width, height, timing, frames: opaque })
    expect(await readClip(join(folder, 'opaque.webm'))).toMatchObject({ notes: [] })
    expect((await readClip(join(folder, 'opaque.webm'))).alphas).toBeUndefined()
  })
})

describe('files that are no clip are named, with the way out', () => {
  const heads: Readonly<Record<string, readonly [Uint8Array | string, RegExp]>> = {
    JPEG: [Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16, 74, 70, 73, 70), /JPEG.*text2live image/],
    PNG: ['\x89PNG\r\n\x1a\n\0\0\0\rIHDR', /PNG.*text2live image/],
    'animated PNG': ['\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0acTL', /animated PNG.*ffmpeg -i/],
    'animated WebP': ['RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0', /animated WebP.*frames/],
    FLV: ['FLV\x01\x05\0\0\0\x09', /FLV.*ffmpeg -i/],
    WMV: ['\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9', /WMV.*ffmpeg -i/],
    'MPEG program stream': ['\0\0\x01\xba\x44', /program stream.*ffmpeg -i/],
    HTML: ['<!DOCTYPE html><html><head>', /HTML.*video itself/],
    text: ['just some words that somebody wrote', /text \("just.*video itself/],
    SRT: ['1\n00:00:01,000 --> 00:00:02,000\nhello', /subtitles \(SRT\).*video itself/],
    WebVTT: ['WEBVTT\n\n00:01.000 --> 00:02.000', /WebVTT/],
    playlist: ['#EXTM3U\n#EXTINF:1,\nhttp://localhost:1/a.ts', /playlist.*video itself/],
    MP3: ['ID3\x04\0\0', /sound \(MP3\).*pictures/],
    WAV: ['RIFF\x24\0\0\0WAVEfmt ', /sound \(WAV\)/],
    'HEIC sequence': ['\0\0\0\x18ftypmsf1\0\0\0\0', /sequence of HEIC.*ffmpeg -i/],
    HEIC: ['\0\0\0\x18ftypheic\0\0\0\0', /HEIC, a picture/],
    zip: ['PK\x03\x04\x14\0', /zip archive/],
  }
  for (const [kind, [head, message]] of Object.entries(heads)) {
    it(kind, async () => {
      const path = await save('other', typeof head === 'string' ? Buffer.from(head, 'latin1') : head)
      await expect(readClip(path)).rejects.toMatchObject({
        code: 'CLIP_NOT_VIDEO',
        exitStatus: 2,
        message: expect.stringMatching(message) as string,
      })
    })
  }

  it('a pattern or glob: name the folder', async () => {
    for (const pattern of ['%05d.jpg', 'frame-%d.png', '*.png']) {
      await expect(readClip(join(folder, pattern))).rejects.toMatchObject({
        code: 'INPUT_NOT_FOUND',
        message: expect.stringContaining(`Name the folder that holds the frames: "${folder}"`) as string,
      })
    }
  })

  it.skipIf(process.platform === 'win32')(
    'a pipe is not waited for, as a clip, a frame or a source of sound',
    async () => {
      const pipe = join(folder, 'pipe.mp4')
      execFileSync('mkfifo', [pipe])
      await expect(readClip(pipe)).rejects.toMatchObject({
        code: 'INPUT_NOT_FOUND',
        message: expect.stringContaining('no regular file') as string,
      })
      expect(await readClipSound(pipe, { timestamps: [0], durations: [1] })).toEqual({ tracks: [], notes: [] })
      await mkdir(join(folder, 'pipes'))
      execFileSync('mkfifo', [join(folder, 'pipes', '0.png')])
      await expect(readClip(join(folder, 'pipes'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    },
  )
})
