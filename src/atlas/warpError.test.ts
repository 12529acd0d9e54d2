import { describe, expect, it } from 'vitest'
import { clipOf, texture } from '../../test/support/movingTexture.js'
import { type ClipFlow, type Flow, flowUnits } from './clipFlow.js'
import { warpError } from './warpError.js'

const [width, height] = [12, 9]
/** Everything moves by (2, 1) a frame; valid where the target is inside. */
const moved = (sign: number): Flow => ({
  data: flowUnits(Float32Array.from({ length: 2 * width * height }, (_, i) => (i < width * height ? 2 : 1) * sign)),
  valid: Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [(i % width) + 2 * sign, Math.floor(i / width) + sign]
    return x >= 0 && y >= 0 && x < width && y < height ? 1 : 0
  }),
})
const flow: ClipFlow = { width, height, forward: [moved(1), moved(1)], backward: [moved(-1), moved(-1)] }
/** Dark enough to become brighter. */
const frames = clipOf(
  width,
  height,
  3,
  (x, y, t) => texture(x - 2 * t, y - t).map((value) => value / 2) as [number, number, number],
)

describe('warpError', () => {
  it('is 0 for a clip that follows its flow', () => {
    expect(warpError(frames, flow)).toEqual({ pairs: [0, 0], mean: 0 })
  })
  it('measures flicker of one frame, in squared units of [0, 1], over valid pixels only', () => {
    const brighter = frames.pixels[2]!.map((value) => value + 25)
    const { pairs, mean } = warpError({ ...frames, pixels: [frames.pixels[0]!, frames.pixels[1]!, brighter] }, flow)
    expect(pairs[0]).toBe(0)
    expect(pairs[1]).toBeCloseTo((25 / 255) ** 2, 10)
    expect(mean).toBeCloseTo(pairs[1]! / 2, 10)
  })
  it('leaves pairs without a consistent pixel out of the mean, and refuses another size', () => {
    const none: Flow = { ...moved(1), valid: new Uint8Array(width * height) }
    expect(warpError(frames, { ...flow, forward: [none, moved(1)] })).toEqual({ pairs: [NaN, 0], mean: 0 })
    expect(() => warpError({ ...frames, pixels: frames.pixels.slice(1) }, flow)).toThrow(
      '2 frames of 12x9, got that of 3',
    )
  })
})
