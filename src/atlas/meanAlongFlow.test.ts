import { expect, it } from 'vitest'
import { type ClipFlow, type Flow, FLOW_PIXEL } from './clipFlow.js'
import { meanAlongFlow } from './meanAlongFlow.js'

const [width, height] = [6, 3]
const size = width * height

/** A flow of `dx` px to the right that holds where it stays in the picture, unless `valid` says otherwise. */
function shift(dx: number, valid?: number): Flow {
  const data = new Int16Array(2 * size).fill(dx * FLOW_PIXEL, 0, size)
  return {
    data,
    valid: Uint8Array.from({ length: size }, (_, i) => valid ?? +((i % width) + dx >= 0 && (i % width) + dx < width)),
  }
}

async function means(flow: ClipFlow, maps: readonly Float32Array[]): Promise<Float32Array[]> {
  const found: Float32Array[] = []
  const order: number[] = []
  await meanAlongFlow(
    flow,
    (t) => maps[t]!,
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
  const still = { width, height, forward: [shift(0), shift(0)], backward: [shift(0), shift(0)] }
  const [first, second, third] = await means(still, [full(1), full(0), full(0.4)])
  expect(first![7]).toBeCloseTo((1 + 0.4 / 4) / 1.75, 2)
  expect(second![7]).toBeCloseTo((1 / 2 + 0.4 / 2) / 2, 2)
  expect(third![7]).toBeCloseTo((1 / 4 + 0.4) / 1.75, 2)
})

it('follows what moves, and nothing beyond where the flow does not hold', async () => {
  const column = (x: number) => Float32Array.from({ length: size }, (_, i) => (i % width === x ? 1 : 0))
  const moving = { width, height, forward: [shift(2)], backward: [shift(-2)] }
  const [first, second] = await means(moving, [column(1), column(3)])
  // The column keeps its place in both; a place that the flow takes out of the picture keeps its own value.
  expect([...first!.subarray(0, width)].map((x) => Math.round(10 * x) / 10)).toEqual([0, 1, 0, 0, 0, 0])
  expect([...second!.subarray(0, width)].map((x) => Math.round(10 * x) / 10)).toEqual([0, 0, 0, 1, 0, 0])
  const cut = { width, height, forward: [shift(0, 0)], backward: [shift(0, 0)] }
  const [before, after] = await means(cut, [full(1), full(0)])
  expect([before![3], after![3]]).toEqual([1, 0])
})
