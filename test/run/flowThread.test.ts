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

test('what a listener throws for a pair of the thread ends the estimate', async () => {
  const beside = openFlowThread()
  const refused = new Error('no more')
  const refuse = (): never => {
    throw refused
  }
  await expect(beside.estimate(frames, refuse, undefined)).rejects.toBe(refused)
  await expect(beside.estimate(frames, () => undefined, undefined)).rejects.toBe(refused)
  await beside.close()
})

test('an abort ends the estimate while only the thread works, and so does the end of the thread', async () => {
  const stopped = openFlowThread()
  const stop = new AbortController()
  const reason = new Error('stopped')
  const estimate = stopped.estimate(frames, () => stop.abort(reason), stop.signal)
  await expect(estimate).rejects.toBe(reason)
  await stopped.close()

  const closed = openFlowThread()
  const failed = expect(closed.estimate(frames, () => undefined, undefined)).rejects.toMatchObject({
    code: 'DEVICE_FAILED',
  })
  await closed.close()
  await failed
  // Later calls are told the same, and none waits for ever.
  await expect(closed.estimate(frames, () => undefined, undefined)).rejects.toMatchObject({ code: 'DEVICE_FAILED' })
})

test('a thread says what was wrong with its frames where it was asked', async () => {
  const beside = openFlowThread()
  const alone = { ...frames, pixels: frames.pixels.slice(0, 1) }
  await expect(beside.estimate(alone, () => undefined, undefined)).rejects.toMatchObject({ code: 'CLIP_TOO_SHORT' })
  await beside.close()
})
