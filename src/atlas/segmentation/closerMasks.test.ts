import { expect, it } from 'vitest'
import type { FloatImage } from '../../media/image.js'
import type { ClipFlow, Flow } from '../clipFlow.js'
import { closerMasks } from './closerMasks.js'
import { sharpened } from './labelling.js'

const [width, height, count] = [20, 4, 5]
/** All pixels left of a column. */
const upTo = (columns: number): FloatImage => ({
  width,
  height,
  channels: 1,
  data: Float32Array.from({ length: width * height }, (_, i) => (i % width < columns ? 1 : 0)),
})
/** Of a clip whose frames have nothing to do with each other. */
const nowhere = (): Flow => ({ data: new Int16Array(2 * width * height), valid: new Uint8Array(width * height) })
const flow: ClipFlow = {
  width,
  height,
  forward: Array.from({ length: count - 1 }, nowhere),
  backward: Array.from({ length: count - 1 }, nowhere),
}

it('a look is believed by how far it overlaps with what is likely', async () => {
  const looked: number[] = []
  // Overlaps of .9, .4 and .65 (26 of 40 px) with what is likely, and nothing.
  const looks = [upTo(9), upTo(4), { ...upTo(6), data: upTo(6).data.fill(1, 6, 8) }, null]
  const edged = upTo(11)
  const given = upTo(15)
  const masks = await closerMasks({
    flow,
    likely: () => upTo(10),
    edged: () => edged,
    look: (t, around) => {
      looked.push(t)
      expect(around).toEqual(upTo(10))
      return Promise.resolve(looks[t]!)
    },
    given: new Map([[4, given]]),
    breathe: () => Promise.resolve(),
  })
  expect(looked).toEqual([3, 2, 1, 0])
  expect(masks[0]).toEqual(upTo(9))
  expect(masks[1]).toEqual(edged)
  // Half of what the look sees, half of what is likely.
  const half = sharpened(Math.fround(128 / 255))
  expect([5, 8, 10, 11].map((x) => masks[2]!.data[3 * width + x])).toEqual([1, half, half, 0].map(Math.fround))
  expect(masks[3]).toEqual(edged)
  expect(masks[4]).toBe(given)
})

it('a look that errs is outvoted by the frames around it', async () => {
  const still = (): Flow => ({ ...nowhere(), valid: new Uint8Array(width * height).fill(1) })
  const masks = await closerMasks({
    flow: { ...flow, forward: flow.forward.map(still), backward: flow.backward.map(still) },
    likely: () => upTo(10),
    edged: () => upTo(10),
    look: (t) => Promise.resolve(upTo(t === 2 ? 8 : 10)),
    given: new Map(),
    breathe: () => Promise.resolve(),
  })
  expect(masks[2]!.data[9]).toBeGreaterThan(0.5)
  expect(masks[2]!.data[10]).toBe(0)
})

it('stops between frames', async () => {
  let breaths = 0
  const stopped = closerMasks({
    flow,
    likely: () => upTo(10),
    edged: () => upTo(10),
    look: () => Promise.resolve(null),
    given: new Map(),
    breathe: () => (++breaths === 2 ? Promise.reject(new RangeError('stop')) : Promise.resolve()),
  })
  await expect(stopped).rejects.toThrow('stop')
  expect(breaths).toBe(2)
})
