import { describe, expect, it } from 'vitest'
import type { FitPart } from '../../src/atlas/fast/fitPart.js'
import type { FloatImage } from '../../src/media/image.js'
import { estimateClipFlow } from '../../dist/atlas/clipFlow.js'
import { fitEvidence } from '../../dist/atlas/fast/fitEvidence.js'
import { fitFastAtlas } from '../../dist/atlas/fast/fitFastAtlas.js'
import { fastSettings } from '../../dist/atlas/fast/fastSettings.js'
import { openFitThread } from '../../dist/atlas/fast/node/openFitThread.js'
import { createNodeRuntime } from '../../dist/engine/node/createNodeRuntime.js'
import { slidingClip } from '../support/slidingClip.js'

const count = 9
const { frames, atlas } = slidingClip(64, 48, count, { step: 1 })
const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const settings = {
  ...fastSettings,
  stages: fastSettings.stages.slice(1).map((stage) => ({ ...stage, sweeps: 2 })),
}

async function given() {
  const masks = await Promise.all(
    Array.from({ length: count }, async (_, t): Promise<FloatImage> => {
      const { data } = await atlas.opacity(t)
      return { width: 64, height: 48, channels: 1, data }
    }),
  )
  const evidence = await fitEvidence({ frames, flow: await estimateClipFlow(frames), masks, settings })
  return { frames, evidence, settings, runtime }
}

describe('a half of a fit in a thread of its own', () => {
  it('comes to the same bits as in this one, and tells of each frame', async () => {
    const input = await given()
    const here = await fitFastAtlas(input)
    const visited: number[] = []
    const beside = await fitFastAtlas({
      ...input,
      openPart: (part, fast) => openFitThread(part, fast, { threads: 1 }),
      onProgress: (progress) => {
        if (progress.type === 'frame') visited.push(progress.done)
      },
    })
    expect(visited).toEqual(Array.from({ length: 6 }, () => Array.from({ length: count }, (_, t) => t + 1)).flat())
    for (const [name, { bytes }] of here.toTensors())
      expect(Buffer.compare(bytes, beside.toTensors().get(name)!.bytes), name).toBe(0)
  })

  it('says what went wrong in it, with the number of the frame in the clip', async () => {
    let opened: FitPart | null = null
    const fit = fitFastAtlas({
      ...(await given()),
      openPart: async (part, fast) =>
        (opened = await openFitThread(
          part,
          { ...fast, weights: { ...fast.weights, bending: Infinity } },
          { threads: 1 },
        )),
    })
    // Its first frame is the middle one.
    await expect(fit).rejects.toMatchObject({
      code: 'LOSS_NOT_FINITE',
      message: expect.stringContaining('ground of frame 5:') as string,
    })
    await expect(opened!.close().then(() => opened!.begin(1, undefined as never))).rejects.toMatchObject({
      code: 'DEVICE_FAILED',
    })
  })

  it('ends with the frame at hand when it is told to stop', async () => {
    const input = await given()
    const stop = new AbortController()
    let seen = 0
    const fit = fitFastAtlas({
      ...input,
      signal: stop.signal,
      openPart: (part, fast) => openFitThread(part, fast, { threads: 1, signal: stop.signal }),
      onProgress: ({ type }) => {
        if (type !== 'frame') return
        seen++
        stop.abort()
      },
    })
    await expect(fit).rejects.toThrow(/abort/i)
    // Not all five of its half.
    expect(seen).toBeLessThan(5)
  })

  it('fails with what the listener of its frames throws', async () => {
    const full = new Error('the disk is full')
    const fit = fitFastAtlas({
      ...(await given()),
      openPart: async (frames, fast) => {
        const part = await openFitThread(frames, fast, { threads: 1 })
        const visit = part.visit.bind(part)
        part.visit = (stage, textures, backwards) =>
          visit(stage, textures, backwards, () => {
            throw full
          })
        return part
      },
    })
    await expect(fit).rejects.toBe(full)
  })
})
