import { describe, expect, it } from 'vitest'
import type { FloatImage } from '../../media/image.js'
import { type ClipFlow, type Flow, flowUnits } from '../clipFlow.js'
import { fillTexels } from './fillTexels.js'
import { fitOpacity, opacityBand } from './fitOpacity.js'
import { latticeOf } from './lattice.js'
import { objectMotion } from './objectMotion.js'
import { scaleClip } from './scaledClip.js'
import { type Layers, emptyTexture, layerExtent, solveTextures, sumColours } from './solveTextures.js'
import type { Texture } from './texture.js'

const [width, height] = [40, 30]
const identity = latticeOf({ width, height }, 16, (x, y) => [x, y])
const pause = () => Promise.resolve()

/** Bytes of a frame from a colour per pixel in [0, 255]. */
function frame(colour: (x: number, y: number, c: number) => number): Uint8Array {
  return Uint8Array.from({ length: 3 * width * height }, (_, k) =>
    colour(Math.floor(k / 3) % width, Math.floor(k / 3 / width), k % 3),
  )
}

describe('fillTexels', () => {
  it('keeps what is well seen, closes holes from around them and leaves black what is far away', () => {
    const [w, h] = [200, 4]
    const sums = new Float32Array(4 * w * h)
    for (let i = 0; i < w * h; i++) if (i % w < 20 && i % w !== 10) sums.set([8, 4, 2, 10], 4 * i)
    const filled = fillTexels(sums, w, h)
    const at = (x: number) => [...filled.subarray(4 * (w + x), 4 * (w + x) + 3)]
    for (const x of [3, 10, 19]) at(x).forEach((value, c) => expect(value).toBeCloseTo([0.8, 0.4, 0.2][c]!, 1))
    expect(at(150)).toEqual([0, 0, 0])
  })
})

describe('solveTextures', () => {
  it('reaches both layers of a clip that they explain, and its error falls', async () => {
    const alpha = Uint8Array.from({ length: width * height }, (_, i) =>
      i % width < 20 ? 255 : i % width < 24 ? 128 : 0,
    )
    const [front, back] = [
      [200, 40, 90],
      [20, 120, 60],
    ]
    const pixels = [
      frame((x, y, c) => (alpha[y * width + x]! * front[c]! + (255 - alpha[y * width + x]!) * back[c]!) / 255),
    ]
    const clip = scaleClip({ width, height, pixels }, [alpha], 1)
    const lattices = { foreground: [identity], background: [identity] }
    const own = { first: 0, end: 1 }
    const empty = {
      foreground: emptyTexture(layerExtent('foreground', clip, [identity], own), 1, 1),
      background: emptyTexture(layerExtent('background', clip, [identity], own), 1, 1),
    }
    const room = ({ foreground, background }: Layers<Texture>) => ({
      foreground: new Float32Array(foreground.data.length),
      background: new Float32Array(background.data.length),
    })
    const sums = (textures: Layers<Texture>, black: boolean) =>
      sumColours(clip, lattices, own, textures, black, room(textures), pause)
    const errors: number[] = []
    for (let steps = 1; steps <= 10; steps++) errors.push((await solveTextures(empty, steps, sums)).error)
    errors.forEach((error, i) => {
      if (i > 0) expect(error).toBeLessThan(errors[i - 1]! + 1e-6)
    })
    expect(errors.at(-1)).toBeLessThan(1e-4)
  })
})

describe('fitOpacity', () => {
  it('finds the outline that the colours show near that of a rough mask, and leaves the rest as the mask says', () => {
    const truth = Uint8Array.from({ length: width * height }, (_, i) => (i % width < 20 ? 255 : 0))
    const mask = Uint8Array.from({ length: width * height }, (_, i) => (i % width < 23 ? 255 : 0))
    const flat = (value: number): Texture => ({
      origin: [0, 0],
      scale: 1,
      width,
      height,
      data: new Float32Array(4 * width * height).fill(value),
    })
    const clip = scaleClip(
      { width, height, pixels: [frame((x, y) => (truth[y * width + x]! > 0 ? 204 : 51))] },
      [mask],
      1,
    )
    const opacity = fitOpacity(
      clip,
      0,
      mask,
      opacityBand(mask, clip),
      [],
      { foreground: [identity], background: [identity] },
      { foreground: flat(0.8), background: flat(0.2) },
    )
    const row = opacity.subarray(10 * width, 11 * width)
    expect([...row.subarray(0, 19)].every((x) => x > 230)).toBe(true)
    expect(row[21]).toBeLessThan(60)
    expect(row[23]).toBeLessThan(30)
    expect(row[35]).toBe(0)
  })
})

describe('objectMotion', () => {
  it('drops flow that follows the background through the object', async () => {
    // The object moves by (3, 0), the background and, wrongly, all flow by (-10, 0).
    const inside = (x: number, y: number, t: number) => x >= 12 + 3 * t && x < 26 + 3 * t && y >= 8 && y < 22
    const colour = (x: number, y: number, c: number) => 128 + 100 * Math.sin(0.3 * x + 0.25 * y + 2 * c)
    const pixels = [0, 1].map((t) => frame((x, y, c) => (inside(x, y, t) ? colour(x - 3 * t, y, c) : 30)))
    const masks = [0, 1].map((t): FloatImage => ({
      width,
      height,
      channels: 1,
      data: Float32Array.from({ length: width * height }, (_, i) =>
        inside(i % width, Math.floor(i / width), t) ? 1 : 0,
      ),
    }))
    const wrong = (dx: number): Flow => {
      const data = new Float32Array(2 * width * height)
      data.fill(dx, 0, width * height)
      return { data: flowUnits(data), valid: new Uint8Array(width * height).fill(1) }
    }
    const flow: ClipFlow = { width, height, forward: [wrong(-10)], backward: [wrong(10)] }
    const motion = await objectMotion({ width, height, pixels }, masks, flow, pause)
    expect(motion.forward).toEqual([[3, 0]])
    expect(motion.backward).toEqual([[-3, 0]])
    const { valid } = motion.flow.forward[0]!
    expect(valid[15 * width + 18]).toBe(0)
    expect(valid[2 * width + 2]).toBe(1)
    expect(flow.forward[0]!.valid.every((x) => x === 1)).toBe(true)
  })
})
