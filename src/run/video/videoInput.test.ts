import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { readVideoInput } from '../../session/video/videoInput.js'
import { clipMachine } from './clipMachine.js'
import { atPaths, keptPaths } from './clipPaths.js'

const [width, height, count] = [64, 48, 6]
const plane = width * height
/** A disk that goes right. */
const isObject = (t: number, i: number): boolean =>
  ((i % width) - 18 - 4 * t) ** 2 + (Math.floor(i / width) - 24) ** 2 < 121

let home = ''
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'text2live-input-'))
  await writeFolder('clip', 0, count, (t, i) =>
    isObject(t, i) ? [220, 160, 40] : [3 * (i % width), 4 * Math.floor(i / width), 90],
  )
  await writeFolder('from-1', 1, count, (t, i) =>
    isObject(t, i) ? [220, 160, 40] : [3 * (i % width), 4 * Math.floor(i / width), 90],
  )
})
afterAll(async () => {
  await rm(home, { recursive: true })
})

async function writeFolder(
  name: string,
  from: number,
  pictures: number,
  of: (t: number, i: number) => readonly number[],
): Promise<string> {
  const folder = join(home, name)
  await mkdir(folder, { recursive: true })
  for (let t = 0; t < pictures; t++) {
    const pixels = Array.from({ length: plane }, (_, i) => of(t, i))
    const channels = pixels[0]!.length as 1 | 2 | 3 | 4
    const image = sharp(Uint8Array.from(pixels.flat()), { raw: { width, height, channels } })
    await (channels < 3 ? image.toColourspace('b-w') : image)
      .png()
      .toFile(join(folder, `${String(t + from).padStart(5, '0')}.png`))
  }
  return folder
}

const settingsOf = (options: GivenVideoOptions) => resolveVideoSettings([{ seed: 1, size: 0, ...options }], () => 1)
const read = (options: GivenVideoOptions) =>
  readVideoInput(settingsOf(options), atPaths, clipMachine, new AbortController().signal)

/** Reads the copies that a run folder holds. */
async function readCopies(options: GivenVideoOptions, name: string) {
  const { files, settings } = await keptPaths(settingsOf(options), await read(options), atPaths)
  for (const [file, from] of Object.entries(files)) {
    await mkdir(dirname(join(home, name, file)), { recursive: true })
    await copyFile(from as string, join(home, name, file))
  }
  const at = (file: string | null) => (file === null ? null : join(home, name, file))
  return await readVideoInput(
    { ...settings, clip: at(settings.clip), object: at(settings.object), mask: at(settings.mask) },
    atPaths,
    clipMachine,
    new AbortController().signal,
  )
}

const kinds: Readonly<
  Record<string, { readonly from: number; readonly of: (t: number, i: number) => readonly number[] }>
> = {
  'black and white': { from: 0, of: (t, i) => [isObject(t, i) ? 255 : 0] },
  'zero and one': { from: 0, of: (t, i) => [isObject(t, i) ? 1 : 0] },
  'zero, one and two': { from: 0, of: (t, i) => [isObject(t, i) ? 1 + Math.floor(t / 3) : 0] },
  'dark red': { from: 0, of: (t, i) => (isObject(t, i) ? [128, 0, 0] : [0, 0, 0]) },
  'painted in alpha': { from: 0, of: (t, i) => [255, 255, 255, isObject(t, i) ? 255 : 0] },
  'cut out': { from: 0, of: (t, i) => [(7 * i) % 256, (3 * i) % 99, 40, isObject(t, i) ? 255 : 0] },
  'erased corner': { from: 0, of: (t, i) => [isObject(t, i) ? 255 : 0, i < 3 ? 0 : 255] },
  'counted from 1': { from: 1, of: (t, i) => [isObject(t, i) ? 255 : 0] },
}

describe('masks of the object as programs write them, and the copies of a run folder', () => {
  for (const [kind, { from, of }] of Object.entries(kinds)) {
    const pairings = [
      ['clip', 0],
      ...(kind === 'black and white' || kind === 'counted from 1'
        ? ([
            ['clip', 5],
            ['from-1', 0],
            ['from-1', 5],
          ] as const)
        : []),
    ] as const
    for (const [clip, frames] of pairings) {
      it(`${kind}, for "${clip}"${frames > 0 ? `, of which ${frames} frames are used` : ''}`, async () => {
        const options = { clip: join(home, clip), object: await writeFolder(kind, from, count, of), frames }
        const input = await read(options)
        expect([...input.object!.keys()]).toEqual(input.frames.pixels.map((_, t) => t))
        for (const [t, { data }] of input.object!)
          expect(data.every((value, i) => value > 0.5 === isObject(t, i))).toBe(true)
        const again = await readCopies(options, `${kind} ${clip} ${frames}`)
        expect(again.digest).toBe(input.digest)
      })
    }
  }

  it('one mask of 0 and 1, of the frame that its name says', async () => {
    await writeFolder('zero and one', 0, count, (t, i) => [isObject(t, i) ? 1 : 0])
    const options = { clip: join(home, 'clip'), object: join(home, 'zero and one', '00003.png') }
    const input = await read(options)
    expect([...input.object!.keys()]).toEqual([3])
    expect(input.object!.get(3)!.data.every((value, i) => value === Number(isObject(3, i)))).toBe(true)
    expect((await readCopies(options, 'single')).digest).toBe(input.digest)
  })

  it('black, nearly black and white all over', async () => {
    const options = { clip: join(home, 'clip') }
    await expect(read({ ...options, object: await writeFolder('black', 0, count, () => [0]) })).rejects.toMatchObject({
      code: 'MASK_INVALID',
    })
    await expect(
      read({
        ...options,
        object: await writeFolder('dim', 0, count, (t, i) => [(Math.imul(i + t, 2654435761) >>> 13) % 60]),
      }),
    ).rejects.toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('nowhere lighter than 23 %') as string,
    })
    expect(
      (await read({ ...options, object: await writeFolder('white', 0, count, () => [255]) })).notes,
    ).toContainEqual(expect.stringContaining('white all over'))
    expect(
      (
        await read({
          ...options,
          object: await writeFolder('inverted', 0, count, (t, i) => [
            isObject(t, i) && t < 5 && i % width < width - 2 ? 0 : 255,
          ]),
        })
      ).notes,
    ).not.toContainEqual(expect.stringContaining('white all over'))
  })
})

it('the mask that bounds the edit is read as that of a photo', async () => {
  const mask = join(await writeFolder('bounds', 0, 1, (_, i) => [i % width < 20 ? 1 : 0]), '00000.png')
  const options = { clip: join(home, 'clip'), mask }
  const input = await read(options)
  expect(input.mask!.data.every((value, i) => value === (i % width < 20 ? 1 : 0))).toBe(true)
  expect(input.notes).toContainEqual(expect.stringContaining('label'))
  expect((await readCopies(options, 'bounded')).digest).toBe(input.digest)
})

describe('a clip with alpha', () => {
  const cut = async () =>
    await writeFolder('cut', 0, count, (t, i) => (isObject(t, i) ? [3 * (i % width), 160, 40, 255] : [255, 0, 255, 0]))

  it('is the object where none is named, over black', async () => {
    const input = await read({ clip: await cut() })
    expect([...input.object!.keys()]).toEqual([0, 1, 2, 3, 4, 5])
    for (const [t, { data }] of input.object!)
      expect(data.every((value, i) => value === Number(isObject(t, i)))).toBe(true)
    expect(
      input.frames.pixels.every((pixels, t) =>
        pixels.every((value, i) => isObject(t, Math.floor(i / 3)) || value === 0),
      ),
    ).toBe(true)
    expect(input.notes).toContainEqual(expect.stringContaining('what is opaque in the clip'))
    expect((await readCopies({ clip: join(home, 'cut') }, 'cut copy')).digest).toBe(input.digest)
    expect((await read({ clip: join(home, 'cut'), point: '20,24' })).object).toBeNull()
  })

  it('of which a corner alone is cut off leaves the object to be found', async () => {
    const clip = await writeFolder('corner', 0, count, (t, i) => [
      ...(isObject(t, i) ? [220, 160, 40] : [90, 3 * (i % width), 90]),
      i < 3 ? 0 : 255,
    ])
    const input = await read({ clip })
    expect(input.object).toBeNull()
    expect(input.clip.alphas![0]![0]).toBe(0)
  })

  it('that is transparent all over is refused', async () => {
    await expect(
      read({ clip: await writeFolder('nothing', 0, count, (t) => [40 * t, 9, 9, 0]) }),
    ).rejects.toMatchObject({ code: 'MASK_INVALID' })
  })
})
