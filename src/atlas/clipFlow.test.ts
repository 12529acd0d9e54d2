import { describe, expect, it } from 'vitest'
import { clipOf, texture } from '../../test/support/movingTexture.js'
import { type Flow, type FlowBeside, estimateClipFlow, FLOW_PIXEL } from './clipFlow.js'

const [width, height] = [96, 72]

/** Mean and largest error of a flow over its valid pixels, px. */
function errors(
  { data, valid }: Flow,
  expected: (x: number, y: number) => [number, number],
): { mean: number; worst: number; share: number } {
  let [sum, worst, count] = [0, 0, 0]
  valid.forEach((isValid, i) => {
    if (isValid === 0) return
    const [dx, dy] = expected(i % width, Math.floor(i / width))
    const error = Math.hypot(data[i]! / FLOW_PIXEL - dx, data[width * height + i]! / FLOW_PIXEL - dy)
    sum += error
    worst = Math.max(worst, error)
    count++
  })
  return { mean: sum / count, worst, share: count / valid.length }
}

describe('estimateClipFlow', () => {
  it('finds translations to a fraction of a pixel, in both directions', async () => {
    const frames = clipOf(width, height, 3, (x, y, t) => texture(x - 3.3 * t, y + 1.7 * t))
    const { forward, backward } = await estimateClipFlow(frames)
    expect([forward.length, backward.length]).toEqual([2, 2])
    for (const flow of forward) {
      const { mean, share } = errors(flow, () => [3.3, -1.7])
      expect(mean).toBeLessThan(0.15)
      expect(share).toBeGreaterThan(0.9)
    }
    for (const flow of backward) expect(errors(flow, () => [-3.3, 1.7]).mean).toBeLessThan(0.15)
  })

  it('finds a rotation with a zoom', async () => {
    const [angle, zoom] = [0.05, 1.03]
    const [c, s] = [Math.cos(angle), Math.sin(angle)]
    // What lies at p in the first frame lies at zoom * R p (about the centre) in the second.
    const frames = clipOf(width, height, 2, (x, y, t) => {
      if (t === 0) return texture(x, y)
      const [p, q] = [(x - width / 2) / zoom, (y - height / 2) / zoom]
      return texture(width / 2 + c * p + s * q, height / 2 - s * p + c * q)
    })
    const { forward } = await estimateClipFlow(frames)
    const { mean, share } = errors(forward[0]!, (x, y) => {
      const [p, q] = [x + 0.5 - width / 2, y + 0.5 - height / 2]
      return [zoom * (c * p - s * q) - p, zoom * (s * p + c * q) - q]
    })
    expect(mean).toBeLessThan(0.15)
    expect(share).toBeGreaterThan(0.85)
  })

  it('says no flow of what is hidden in the other frame or leaves the picture', async () => {
    // A disc passes to the right, over a still background.
    const inDisc = (x: number, y: number, t: number) => Math.hypot(x - 35 - 8 * t, y - 36) < 16
    const frames = clipOf(width, height, 2, (x, y, t) =>
      inDisc(x, y, t) ? texture(x - 8 * t + 300, y + 200) : texture(x, y),
    )
    const {
      forward: [there],
    } = await estimateClipFlow(frames)
    const at = (x: number, y: number) => y * width + x
    expect(there!.data[at(35, 36)]! / FLOW_PIXEL).toBeCloseTo(8, 0)
    expect(there!.data[at(80, 10)]! / FLOW_PIXEL).toBeCloseTo(0, 0)
    expect([there!.valid[at(35, 36)], there!.valid[at(80, 10)]]).toEqual([1, 1])
    // The background just right of the disc is covered next.
    const covered = there!.valid.filter((_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)]
      return inDisc(x, y, 1) && !inDisc(x + 3, y, 0) && !inDisc(x - 3, y, 0)
    })
    expect(covered.reduce((sum, v) => sum + v, 0) / covered.length).toBeLessThan(0.4)
  })

  it('is reproducible, tells progress, and stops when asked', async () => {
    const frames = clipOf(40, 32, 4, (x, y, t) => texture(x + t, y))
    const seen: number[] = []
    const first = await estimateClipFlow(frames, { onProgress: (done, total) => seen.push(done, total) })
    expect(seen).toEqual([1, 3, 2, 3, 3, 3])
    expect((await estimateClipFlow(frames)).forward[2]!.data).toEqual(first.forward[2]!.data)
    const stop = new AbortController()
    const stopped = estimateClipFlow(frames, { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) })
    await expect(stopped).rejects.toThrow('enough')
    await expect(estimateClipFlow({ ...frames, pixels: frames.pixels.slice(0, 1) })).rejects.toThrow(
      'at least 2 frames, got 1',
    )
  })

  it('takes the later half of the pairs from beside, and ends with what ends that', async () => {
    const frames = clipOf(width, height, 4, (x, y, t) => texture(x - 2 * t, y))
    const asked: number[] = []
    const close = () => Promise.resolve()
    const told: number[] = []
    const onProgress = (done: number): void => void told.push(done)
    const estimate: FlowBeside['estimate'] = async (part, onPair) => {
      asked.push(part.pixels.length)
      return await estimateClipFlow(part, { onProgress: onPair })
    }
    const shared = await estimateClipFlow(frames, { beside: { estimate, close }, onProgress })
    expect([asked, told]).toEqual([[2], [1, 2, 3]])
    expect(shared).toEqual(await estimateClipFlow(frames))

    told.length = 0
    const reason = new Error('no thread')
    const broken = { estimate: () => Promise.reject(reason), close }
    await expect(estimateClipFlow(frames, { beside: broken, onProgress })).rejects.toBe(reason)
    expect(told).toEqual([])
  })
})
