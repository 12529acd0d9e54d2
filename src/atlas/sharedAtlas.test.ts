import { describe, expect, it } from 'vitest'
import { flowUnits } from './clipFlow.js'
import {
  atlasFixture,
  atlasTensor,
  fixtureAtlas,
  fixtureFrames,
  fixtureImage,
} from '../../test/support/fixtureAtlas.js'
import { relativeError } from '../../test/support/readFixture.js'
import type { FloatImage } from '../media/image.js'
import { checkerboard } from './checkerboard.js'
import { evaluateAtlas } from './evaluateAtlas.js'
import { foregroundAtlasBox } from './foregroundAtlasBox.js'
import { frameBox, frameBoxes } from './frameBoxes.js'
import type { LayerName, LayeredAtlas, Mapping } from './layeredAtlas.js'
import { reconstructFrame } from './reconstructFrame.js'
import { renderEdit } from './renderEdit.js'
import { sampleAtlas } from './sampleAtlas.js'

/** Largest difference of a value in [0, 1]: a few roundings of float32. */
const SAMPLE_TOLERANCE = 2e-6

const layers: readonly LayerName[] = ['foreground', 'background']
const edits = { foreground: fixtureImage('foreground.edit'), background: fixtureImage('background.edit') }

describe('sampling an atlas image', () => {
  it("is PyTorch's grid_sample, with the border repeated or zeros beyond", async () => {
    for (const layer of layers) {
      for (let t = 0; t < fixtureAtlas.frames; t++) {
        const mapping = await fixtureAtlas.mapping(layer, t)
        for (const border of ['edge', 'zeros'] as const) {
          const { data } = sampleAtlas(fixtureImage(`${layer}.image`), mapping, border)
          expect(
            relativeError(data, atlasTensor(`${layer}.${border}.${t}`).data),
            `${layer} ${border} ${t}`,
          ).toBeLessThan(SAMPLE_TOLERANCE)
        }
      }
    }
  })

  it('gives pixel k at k + 1/2', () => {
    const image: FloatImage = { width: 3, height: 1, channels: 1, data: Float32Array.of(0.1, 0.2, 0.4) }
    const at = (x: number) => sampleAtlas(image, { width: 1, height: 1, data: Float32Array.of(x, 0.5) }).data[0]
    expect([at(0.5), at(1.5), at(2.5), at(2.9), at(-7)]).toEqual(Array.from(Float32Array.of(0.1, 0.2, 0.4, 0.4, 0.1)))
  })
})

describe('boxes', () => {
  it('are those of get_masks_boundaries, kept inside the frame', () => {
    for (const { width, height, object, box } of atlasFixture.boxes) {
      const [x, y, w, h] = object
      const data = Float32Array.from({ length: width * height }, (_, i) => {
        const [column, row] = [i % width, Math.floor(i / width)]
        return column >= x && column < x + w && row >= y && row < y + h ? 0.96 : 0.3
      })
      const found = frameBox({ width, height, channels: 1, data })!
      const [left, top] = [Math.max(box[0], 0), Math.max(box[1], 0)]
      expect([found.x, found.y, found.width, found.height]).toEqual([left, top, box[2], box[3]])
      expect(found.y + found.height).toBeLessThanOrEqual(height)
    }
  })

  it('of a frame without foreground is null, and of a frame below 129 px the whole frame', () => {
    const opacity = (value: number): FloatImage => ({
      width: 50,
      height: 60,
      channels: 1,
      data: new Float32Array(3000).fill(value),
    })
    expect(frameBox(opacity(0.9))).toBeNull()
    expect(frameBox(opacity(0.99))).toEqual({ x: 0, y: 0, width: 50, height: 60 })
    expect(frameBox({ ...opacity(0), data: new Float32Array(3000).fill(0.949) })).toBeNull()
  })

  it("in the foreground's atlas hold every mapped pixel of the frames' boxes", async () => {
    const mapping: Mapping = {
      width: 4,
      height: 2,
      data: Float32Array.of(1.2, 2.2, 3.2, 9, 1.2, 2.2, 3.2, 9, 4.5, 4.5, 4.5, 4.5, 6.01, 6.01, 6.01, 40),
    }
    const atlas = {
      image: () => Promise.resolve({ width: 20, height: 20, channels: 3, data: new Float32Array(1200) } as const),
      mapping: () => Promise.resolve(mapping),
    }
    expect(await foregroundAtlasBox(atlas, [null, { x: 0, y: 0, width: 3, height: 2 }])).toEqual({
      x: 1,
      y: 4,
      width: 3,
      height: 3,
    })
    expect(await foregroundAtlasBox(atlas, [{ x: 3, y: 0, width: 1, height: 2 }]), 'cut at the image').toEqual({
      x: 9,
      y: 4,
      width: 1,
      height: 16,
    })
    await expect(foregroundAtlasBox(atlas, [null, null])).rejects.toMatchObject({ code: 'ATLAS_EMPTY' })
  })

  it('are asked for frame by frame', async () => {
    expect(await frameBoxes(fixtureAtlas, { smallest: 5, border: 1 })).toHaveLength(fixtureAtlas.frames)
  })
})

describe('frames from an atlas', () => {
  it('are opacity * foreground + (1 - opacity) * background, their PSNR that of PyTorch', async () => {
    const { psnr, meanPsnr } = await evaluateAtlas(fixtureAtlas, fixtureFrames)
    for (let t = 0; t < fixtureAtlas.frames; t++) {
      expect(
        relativeError((await reconstructFrame(fixtureAtlas, t)).data, atlasTensor(`reconstruction.${t}`).data),
      ).toBeLessThan(SAMPLE_TOLERANCE)
      expect(psnr[t]).toBeCloseTo(atlasTensor(`psnr.${t}`).data[0]!, 4)
    }
    expect(meanPsnr).toBeCloseTo(psnr.reduce((sum, x) => sum + x) / psnr.length, 10)
  })

  it('with edits follow Eq. 15 and 16, within two roundings to bytes', async () => {
    for (let t = 0; t < fixtureAtlas.frames; t++) {
      const { frame } = await renderEdit(
        { atlas: fixtureAtlas, frames: fixtureFrames, edits, behaviour: 'reference' },
        t,
      )
      const expected = fixtureImage(`edited.${t}`)
      const size = frame.length / 3
      for (let i = 0; i < frame.length; i++) {
        expect(
          Math.abs(frame[i]! - 255 * expected.data[(i % 3) * size + Math.floor(i / 3)]!),
          `frame ${t} byte ${i}`,
        ).toBeLessThanOrEqual(1)
      }
    }
  })

  it('are the layer over the original, which stays where no edit is', async () => {
    const halves: FloatImage = { ...edits.foreground, data: edits.foreground.data.slice() }
    const size = halves.width * halves.height
    for (let i = 0; i < size; i++) if (i % halves.width > 4) halves.data[3 * size + i] = 0
    const { frame, layer } = await renderEdit(
      { atlas: fixtureAtlas, frames: fixtureFrames, edits: { foreground: halves } },
      1,
    )
    const original = fixtureFrames.pixels[1]!
    let untouched = 0
    for (let i = 0; i < frame.length; i++) {
      const pixel = Math.floor(i / 3)
      const alpha = layer[4 * pixel + 3]! / 255
      expect(
        Math.abs(frame[i]! - (alpha * layer[4 * pixel + (i % 3)]! + (1 - alpha) * original[i]!)),
      ).toBeLessThanOrEqual(0.5001)
      if (alpha > 0) continue
      untouched++
      expect(frame[i]).toBe(original[i])
    }
    expect(untouched).toBeGreaterThan(frame.length / 4)
  })

  it('refuse an edit of another size', async () => {
    const small: FloatImage = { width: 2, height: 2, channels: 4, data: new Float32Array(16) }
    await expect(
      renderEdit({ atlas: fixtureAtlas, frames: fixtureFrames, edits: { foreground: small } }, 0),
    ).rejects.toThrow(/23x19, the size of its atlas image; it has 4 channels and 2x2/)
  })
})

/**
 * A clip that slides over a still background by (2, 1) px a frame, at 1.5 atlas px each, in which the foreground is the
 * left half.
 */
function slidingAtlas(slip: number): LayeredAtlas {
  const [width, height] = [20, 12]
  const size = width * height
  const mapping = (_: LayerName, t: number): Promise<Mapping> =>
    Promise.resolve({
      width,
      height,
      data: Float32Array.from({ length: 2 * size }, (_, i) =>
        i < size
          ? 1.5 * ((i % width) + 0.5 + 10 - 2 * t) + slip * t
          : 1.5 * (Math.floor((i - size) / width) + 0.5 + 10 - t),
      ),
    })
  const image: FloatImage = { width: 60, height: 50, channels: 3, data: new Float32Array(9000).fill(0.5) }
  const opacity: FloatImage = {
    width,
    height,
    channels: 1,
    data: Float32Array.from({ length: size }, (_, i) => (i % width < 10 ? 0.9 : 0.1)),
  }
  return {
    frames: 3,
    width,
    height,
    image: () => Promise.resolve(image),
    mapping,
    opacity: () => Promise.resolve(opacity),
  }
}

describe('evaluation', () => {
  const size = 20 * 12
  const forward = [0, 1].map(() => ({
    data: flowUnits(Float32Array.from({ length: 2 * size }, (_, i) => (i < size ? 2 : 1))),
    // Where the flow stays in the frame.
    valid: Uint8Array.from({ length: size }, (_, i) => (i % 20 < 18 && i < size - 20 ? 1 : 0)),
  }))
  const frames = { width: 20, height: 12, pixels: [0, 1, 2].map(() => new Uint8Array(3 * size).fill(128)) }

  it('measures flow consistency in px of the frame', async () => {
    expect((await evaluateAtlas(slidingAtlas(0), frames, { flow: { forward } })).flowConsistency).toBeLessThan(1e-5)
    expect((await evaluateAtlas(slidingAtlas(0.75), frames, { flow: { forward } })).flowConsistency).toBeCloseTo(0.5, 4)
  })

  it('compares opacity with masks, both cut at a half', async () => {
    const mask: FloatImage = {
      width: 20,
      height: 12,
      channels: 1,
      data: Float32Array.from({ length: size }, (_, i) => (i % 20 < 5 ? 1 : 0)),
    }
    expect((await evaluateAtlas(slidingAtlas(0), frames, { masks: new Map([[1, mask]]) })).opacityIou).toBe(0.5)
    expect(await evaluateAtlas(slidingAtlas(0), frames)).not.toHaveProperty('opacityIou')
  })

  it('refuses another clip', async () => {
    await expect(evaluateAtlas(slidingAtlas(0), fixtureFrames)).rejects.toMatchObject({ code: 'ATLAS_MISMATCH' })
  })
})

describe('checkerboard', () => {
  it('has squares of both lightnesses everywhere, in colours of [0, 1]', () => {
    const { data, channels } = checkerboard({ width: 64, height: 48 })
    expect(channels).toBe(4)
    expect(data.every((x) => x >= 0 && x <= 1)).toBe(true)
    expect(data[3 * 64 * 48]).toBeCloseTo(0.7)
    expect(new Set(Array.from({ length: 64 }, (_, x) => data[x]!)).size).toBeGreaterThan(8)
  })
})
