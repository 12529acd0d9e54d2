import { expect, it } from 'vitest'
import { type ClipFlow, type Flow, FLOW_PIXEL } from './clipFlow.js'
import { meanAlongFlow } from './meanAlongFlow.js'

const [width, height] = [6, 3]
const size = width * height

/** No motion, which holds everywhere or nowhere. */
const still = (valid = 1): Flow => ({ data: new Int16Array(2 * size), valid: new Uint8Array(size).fill(valid) })

async function means(flow: ClipFlow, maps: readonly Float32Array[]): Promise<Float32Array[]> {
  const found: Float32Array[] = []
  const order: number[] = []
  await meanAlongFlow(
    flow,
    (t) => maps[t]!,
    () => Promise.resolve(),
    (t, mean) => {
      order.push(t)
      found[t] = mean
      return Promise.resolve()
    },
  )
  expect(order).toEqual(maps.map((_, t) => maps.length - 1 - t))
  return found
}

const full = (value: number) => new Float32Array(size).fill(value)

it('each frame further counts half as much, both ways', async () => {
  const clip = { width, height, forward: [still(), still()], backward: [still(), still()] }
  const [first, second, third] = await means(clip, [full(1), full(0), full(0.4)])
  expect(first![7]).toBeCloseTo((1 + 0.4 / 4) / 1.75, 2)
  expect(second![7]).toBeCloseTo((1 / 2 + 0.4 / 2) / 2, 2)
  expect(third![7]).toBeCloseTo((1 / 4 + 0.4) / 1.75, 2)
})

it('follows what moves, between pixels too, and nothing beyond where the flow does not hold', async () => {
  const from = (at: (x: number, y: number) => number) =>
    Float32Array.from({ length: size }, (_, i) => at(i % width, Math.floor(i / width)))
  // Half a pixel to the right and one down.
  const down = (sign: number): Flow => ({
    data: new Int16Array(2 * size).fill((sign * FLOW_PIXEL) / 2, 0, size).fill(sign * FLOW_PIXEL, size),
    valid: Uint8Array.from({ length: size }, (_, i) => {
      const [x, y] = [(i % width) + sign / 2, Math.floor(i / width) + sign]
      return +(x >= 0 && x <= width - 1 && y >= 0 && y < height)
    }),
  })
  const moving = { width, height, forward: [down(1)], backward: [down(-1)] }
  const [first, second] = await means(moving, [from((x, y) => (x + y) / 10), from((x, y) => (2 * x + y) / 20)])
  // At (2, 1): its own .3, and half as much of (2.5, 2) in the next frame, .35.
  expect(first![width + 2]).toBeCloseTo((0.3 + 0.35 / 2) / 1.5, 2)
  // At (2, 1) of the next: its own .25, and half as much of (1.5, 0) before, .15.
  expect(second![width + 2]).toBeCloseTo((0.25 + 0.15 / 2) / 1.5, 2)
  // The flow takes the last row out of the picture.
  expect(first![2 * width + 2]).toBeCloseTo(0.4, 2)
  const cut = { width, height, forward: [still(0)], backward: [still(0)] }
  const [before, after] = await means(cut, [full(1), full(0)])
  expect([before![3], after![3]]).toEqual([1, 0])
})
