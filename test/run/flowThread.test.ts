import { expect, test } from 'vitest'
import { type ClipFlow, estimateClipFlow } from '../../dist/atlas/clipFlow.js'
import { openFlowThread } from '../../dist/atlas/node/openFlowThread.js'
import { clipOf, texture } from '../support/movingTexture.js'

const frames = clipOf(64, 48, 6, (x, y, t) => texture(x - 1.3 * t, y + 0.7 * t))

const bytesOf = ({ forward, backward }: ClipFlow): Buffer[] =>
  [...forward, ...backward].flatMap(({ data, valid }) => [Buffer.from(data.buffer), Buffer.from(valid)])

test('flow that a thread beside this one has half of is the same, and each pair is told of', async () => {
  const here = bytesOf(await estimateClipFlow(frames))
  const beside = openFlowThread()
  try {
    for (let again = 0; again < 2; again++) {
      const told: number[] = []
      const shared = await estimateClipFlow(frames, { beside, onProgress: (done) => told.push(done) })
      expect(told).toEqual([1, 2, 3, 4, 5])
      expect(bytesOf(shared).map((bytes, i) => Buffer.compare(bytes, here[i]!))).toEqual(Array(20).fill(0))
    }
  } finally {
    await beside.close()
  }
})

test('what a listener throws for a pair of the thread ends the estimate, and so does the end of the thread', async () => {
  const last = { ...frames, pixels: frames.pixels.slice(3) }
  const listening = openFlowThread()
  const refused = new Error('no more')
  await expect(
    listening.estimate(last, () => {
      throw refused
    }),
  ).rejects.toBe(refused)
  await listening.close()

  const closed = openFlowThread()
  const estimate = closed.estimate(frames, () => undefined)
  const failed = expect(estimate).rejects.toMatchObject({ code: 'DEVICE_FAILED' })
  await closed.close()
  await failed
})

test('a thread whose frames make no clip says so where it was asked', async () => {
  const beside = openFlowThread()
  await expect(beside.estimate({ ...frames, pixels: frames.pixels.slice(0, 1) }, () => undefined)).rejects.toThrow(
    'at least 2 frames',
  )
  await beside.close()
})
