import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readClip } from './readClip.js'

const fixtures = new URL('../../../test/fixtures/clips/', import.meta.url).pathname
const { corners, clips } = z
  .object({
    corners: z.array(z.array(z.number())),
    clips: z.record(
      z.string(),
      z.object({
        shown: z.tuple([z.number(), z.number()]),
        turned: z.number(),
        base: z.tuple([z.number(), z.number()]),
        ticks: z.array(z.tuple([z.number(), z.number()])),
      }),
    ),
  })
  .parse(JSON.parse(await readFile(join(fixtures, 'clips.json'), 'utf8')))

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text2live-read-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

/** Mean colour around the middle of each corner's patch: upper left, upper right, lower right, lower left. */
function cornerColours(pixels: Uint8Array, width: number, height: number): number[][] {
  const at = (x: number, y: number) =>
    [0, 1, 2].map((c) => pixels[3 * (Math.floor(y * height) * width + Math.floor(x * width)) + c]!)
  return [at(1 / 6, 1 / 6), at(5 / 6, 1 / 6), at(5 / 6, 5 / 6), at(1 / 6, 5 / 6)]
}

const worst = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]) =>
  Math.max(...a.flatMap((row, i) => row.map((value, c) => Math.abs(value - b[i]![c]!))))

describe('clips that another program made', () => {
  for (const [
    file,
    {
      shown: [width, height],
      turned,
      base: [unit, per],
      ticks,
    },
  ] of Object.entries(clips)) {
    it(`${file}: every frame, at its time, in its colours`, async () => {
      const clip = await readClip(join(fixtures, file))
      const expected = { width, height }
      expect(clip.sourceSize).toEqual(expected)
      expect({ width: clip.frames.width, height: clip.frames.height }).toEqual(expected)
      expect(clip.frames.pixels.length).toBe(ticks.length)
      for (const [t, [start, duration]] of ticks.entries()) {
        expect(clip.timing.timestamps[t]).toBeCloseTo((start * unit) / per, 9)
        expect(clip.timing.durations[t]).toBeCloseTo((duration * unit) / per, 9)
      }
      // Each quarter turn clockwise brings the lower left corner to the upper left.
      const seen = corners.map((_, i) => corners[(i + 4 - turned / 90) % 4]!)
      for (const pixels of clip.frames.pixels)
        expect(worst(cornerColours(pixels, width, height), seen)).toBeLessThanOrEqual(6)
      expect(clip.notes).toEqual([])
    })
  }
})

it('the last column of an odd width has its own colour, as far down as the frame goes', async () => {
  const {
    frames: { width, height, pixels },
  } = await readClip(join(fixtures, 'odd.webm'))
  const at = (x: number, y: number) => [...pixels[0]!.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)]
  for (const y of [0, 1, height - 1]) expect(worst([at(width - 1, y)], [at(width - 4, y)])).toBeLessThanOrEqual(6)
})

describe('what a caller asks for', () => {
  it('the first frames, the short side, and progress', async () => {
    const seen: number[][] = []
    const clip = await readClip(join(fixtures, 'turned90.mp4'), {
      frames: 3,
      size: 32,
      onProgress: (...progress) => seen.push(progress),
    })
    // 64 * 32 / 48 = 42.7, and the nearest even number is 42.
    expect([clip.frames.width, clip.frames.height, clip.frames.pixels.length]).toEqual([32, 42, 3])
    expect(clip.frames.pixels.every((pixels) => pixels.length === 3 * 32 * 42)).toBe(true)
    expect(clip.sourceSize).toEqual({ width: 48, height: 64 })
    expect(seen).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ])
    expect(
      worst(cornerColours(clip.frames.pixels[0]!, 32, 42), [corners[3]!, corners[0]!, corners[1]!, corners[2]!]),
    ).toBeLessThanOrEqual(6)
  })

  it('never enlarges', async () => {
    expect((await readClip(join(fixtures, 'ntsc.mov'), { size: 432 })).frames).toMatchObject({ width: 64, height: 48 })
  })

  it('stops when told to', async () => {
    const stop = new AbortController()
    const reading = readClip(join(fixtures, 'variable.mp4'), { signal: stop.signal, onProgress: () => stop.abort() })
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED', exitStatus: 130 })
  })

  it.each([{ frames: 0 }, { frames: 1.5 }, { size: 8 }, { frameRate: 0 }])('refuses %o', async (options) => {
    await expect(readClip(join(fixtures, 'ntsc.mov'), options)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('folders of images', () => {
  const write = async (name: string, files: Readonly<Record<string, readonly [number, number, number]>>) => {
    const path = join(folder, name)
    await mkdir(path)
    for (const [file, [width, height, red]] of Object.entries(files)) {
      await sharp({ create: { width, height, channels: 3, background: { r: red, g: 20, b: 30 } } })
        .toFormat(file.endsWith('jpg') ? 'jpeg' : file.endsWith('webp') ? 'webp' : 'png')
        .toFile(join(path, file))
    }
    return path
  }

  it('sorts by name and number, takes JPEG, PNG and WebP, ignores what is no image', async () => {
    const path = await write('mixed', { 'f10.png': [40, 50, 200], 'f2.jpg': [40, 50, 100], 'f1.webp': [40, 50, 50] })
    await writeFile(join(path, 'notes.txt'), 'x')
    await mkdir(join(path, 'masks.png'))
    const clip = await readClip(path, { frameRate: 10 })
    expect(clip.frameNames).toEqual(['f1', 'f2', 'f10'])
    expect(clip.frames.pixels.map((pixels) => Math.round(pixels[0]! / 50))).toEqual([1, 2, 4])
    expect(clip.timing).toEqual({ timestamps: [0, 0.1, 0.2], durations: [0.1, 0.1, 0.1] })
    expect(clip.notes).toEqual([])
    expect((await readClip(path)).notes).toEqual([
      `A folder of images says nothing of time: "${path}" is taken as 24 frames per second.`,
    ])
  })

  it('sizes that differ, no images, two images of one name: each is said', async () => {
    await expect(readClip(await write('sizes', { '0.png': [40, 50, 1], '1.png': [50, 40, 1] }))).rejects.toMatchObject({
      code: 'CLIP_SIZES_DIFFER',
      message: expect.stringContaining('"0.png" is 40x50 and "1.png" is 50x40') as string,
    })
    await expect(readClip(await write('none', {}))).rejects.toMatchObject({ code: 'CLIP_NOT_VIDEO' })
    await expect(readClip(await write('twice', { '0.png': [40, 50, 1], '0.jpg': [40, 50, 1] }))).rejects.toMatchObject({
      code: 'CLIP_NOT_VIDEO',
    })
  })
})

describe('files that are no clip', () => {
  const save = async (name: string, bytes: Uint8Array) => {
    await writeFile(join(folder, name), bytes)
    return join(folder, name)
  }

  it('not there, empty, text, a photo, sound only', async () => {
    await expect(readClip(join(folder, 'nothing.mp4'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    await expect(readClip(await save('empty.mp4', new Uint8Array()))).rejects.toMatchObject({ code: 'INPUT_EMPTY' })
    await expect(
      readClip(await save('text.mp4', new TextEncoder().encode('no video at all, but long enough to look'))),
    ).rejects.toMatchObject({ code: 'CLIP_NOT_VIDEO' })
    await expect(readClip(new URL('../../../examples/teapot.jpg', import.meta.url).pathname)).rejects.toMatchObject({
      code: 'CLIP_NOT_VIDEO',
    })
    await expect(readClip(join(fixtures, 'soundOnly.mp4'))).rejects.toMatchObject({
      code: 'CLIP_NOT_VIDEO',
      message: expect.stringContaining('only audio') as string,
    })
  })

  for (const file of ['variable.mp4', 'untagged.mkv', 'odd.webm', 'short.gif']) {
    it(`${file}, cut short at any place, is a coded error`, async () => {
      const whole = await readFile(join(fixtures, file))
      for (const part of [0.05, 0.3, 0.5, 0.7, 0.9, 0.99]) {
        const path = await save(`cut-${part}-${file}`, whole.subarray(0, Math.round(part * whole.length)))
        const clip = readClip(path).then(({ frames }) => frames.pixels.length)
        await expect(clip, `${part}`).rejects.toMatchObject({
          code: expect.stringMatching(/^CLIP_(TRUNCATED|NOT_VIDEO)$/) as string,
        })
      }
    })
  }

  it('data that the decoder refuses: a coded error, and the process goes on', async () => {
    const whole = await readFile(join(fixtures, 'odd.webm'))
    // A key frame of VP9 has 49 83 42 in its header (VP9 bitstream, 7.2): the packet stays in its place, but is none.
    const at = whole.indexOf(Uint8Array.of(0x49, 0x83, 0x42))
    expect(at).toBeGreaterThan(0)
    const damaged = Uint8Array.from(whole, (byte, i) => (i >= at && i < at + 3 ? 0 : byte))
    await expect(readClip(await save('damaged.webm', damaged))).rejects.toMatchObject({
      code: 'CLIP_TRUNCATED',
      message: expect.stringContaining('Invalid data') as string,
    })
    // A promise that nobody holds would end the process, and so the tests, by now.
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  })
})
