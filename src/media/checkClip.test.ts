import { existsSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { checkClip } from './checkClip.js'
import type { ClipFrames } from './clipFrames.js'
import { readClip } from './node/readClip.js'

const [width, height] = [192, 108]
const examples = new URL('../../examples/', import.meta.url).pathname
const videos = join(process.env['TEXT2LIVE_DATA'] ?? '', 'videos')

/** Windows of one photo, each where `at` says (0 to 1 across and down). */
let photo: { data: Buffer; info: { width: number; height: number } }
let swan: ClipFrames
beforeAll(async () => {
  photo = await sharp(join(examples, 'teapot.jpg'))
    .resize(600, 600)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  swan = (await readClip(join(examples, 'swan.mp4'), { size: height })).frames
})
function window(x: number, y: number, brighter = 0, noise = 0): Uint8Array {
  const left = Math.round(x * (600 - width))
  const top = Math.round(y * (600 - height))
  const out = new Uint8ClampedArray(3 * width * height)
  for (let i = 0; i < out.length; i++) {
    const [row, column] = [Math.floor(i / (3 * width)), i % (3 * width)]
    out[i] =
      photo.data[3 * ((top + row) * 600 + left) + column]! +
      brighter +
      noise * (((i * 7919 + Math.floor(1000 * x)) % 13) - 6)
  }
  return new Uint8Array(out.buffer)
}
const clip = (pixels: readonly Uint8Array[]): ClipFrames => ({ width, height, pixels })
const range = (count: number) => Array.from({ length: count }, (_, t) => t)

describe('checkClip', () => {
  it('wants five frames', () => {
    const frames = range(5).map((t) => window(t / 5, 0.5))
    expect(() => {
      checkClip(clip(frames))
    }).not.toThrow()
    expect(() => {
      checkClip(clip(frames.slice(0, 4)), '"a.mp4"')
    }).toThrow(
      expect.objectContaining({ code: 'CLIP_TOO_SHORT', message: expect.stringContaining('"a.mp4" has 4') as string }),
    )
    expect(() => {
      checkClip(clip(frames.slice(0, 1)))
    }).toThrow(/as a photo/)
  })

  it('wants motion: a still picture, also with noise, is refused; a slow or small one is not', () => {
    expect(() => {
      checkClip(clip(range(8).map(() => window(0.5, 0.5))))
    }).toThrow(expect.objectContaining({ code: 'CLIP_STILL' }))
    expect(() => {
      checkClip(clip(range(8).map((t) => window(0.5 + 1e-5 * t, 0.5, 0, 1))))
    }).toThrow(expect.objectContaining({ code: 'CLIP_STILL' }))
    expect(() => {
      checkClip(clip(range(8).map((t) => window(0.5 + 0.003 * t, 0.5))))
    }).not.toThrow()
    const small = range(8).map((t) => {
      const pixels = window(0.5, 0.5)
      for (let y = 40; y < 52; y++) pixels.fill(255, 3 * (y * width + 20 + 4 * t), 3 * (y * width + 32 + 4 * t))
      return pixels
    })
    expect(() => {
      checkClip(clip(small))
    }).not.toThrow()
  })

  it('names the frame of a cut, wherever it is', () => {
    const pan = range(24).map((t) => window(0.2 + t / 60, 0.6))
    for (const at of [1, 6, 12, 23]) {
      expect(() => {
        checkClip(clip([...pan.slice(0, at), ...swan.pixels.slice(at)]))
      }, `${at}`).toThrow(
        expect.objectContaining({
          code: 'CLIP_CUT',
          message: expect.stringContaining(`between its frames ${at - 1} and ${at} `) as string,
        }),
      )
    }
  })

  it('does not take fast motion, its sudden start, or a flash for a cut', () => {
    const steady = range(12).map((t) => window(0.08 * t, 0.5))
    const start = [
      ...range(6).map((t) => window(0.05 + t / 300, 0.5)),
      ...range(8).map((t) => window(0.1 + 0.1 * t, 0.5)),
    ]
    const flash = swan.pixels.map((pixels, t) => (t === 9 ? pixels.map((value) => Math.min(255, value + 150)) : pixels))
    const dark = swan.pixels.map((pixels, t) => (t === 9 ? new Uint8Array(pixels.length) : pixels))
    for (const pixels of [steady, start, flash, dark, swan.pixels])
      expect(() => {
        checkClip(clip(pixels))
      }).not.toThrow()
  })

  it.skipIf(!existsSync(videos))(
    'DAVIS: no alarm, also at a third of the frame rate; each cut from one to another',
    async () => {
      const names = ['blackswan', 'car-roundabout', 'libby']
      const clips = await Promise.all(
        names.map(async (name) => (await readClip(join(videos, name, 'frames'), { size: height, frames: 42 })).frames),
      )
      for (const [i, frames] of clips.entries()) {
        expect(() => {
          checkClip(frames, names[i])
        }).not.toThrow()
        expect(() => {
          checkClip({ ...frames, pixels: frames.pixels.filter((_, t) => t % 3 === 0) }, names[i])
        }).not.toThrow()
        const other = clips[(i + 1) % 3]!
        expect(() => {
          checkClip({ ...frames, pixels: [...frames.pixels.slice(0, 20), ...other.pixels.slice(20, 40)] })
        }).toThrow(/frames 19 and 20/)
      }
    },
  )
})
