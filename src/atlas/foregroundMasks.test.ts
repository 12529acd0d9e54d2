import { beforeAll, describe, expect, it } from 'vitest'
import { clipOf, texture } from '../../test/support/movingTexture.js'
import { overlap } from '../media/changeMeasures.js'
import type { ClipFrames } from '../media/clipFrames.js'
import type { FloatImage } from '../media/image.js'
import { type ClipFlow, estimateClipFlow } from './clipFlow.js'
import { type ForegroundHint, type ForegroundNotice, foregroundMasks } from './foregroundMasks.js'

const [width, height, count] = [120, 80, 6]
/** A reddish disc passes to the right while the camera pans to the right, the background to the left. */
const inDisc = (x: number, y: number, t: number) => Math.hypot(x - 40 - 4 * t, y - 42) < 15
function colour(x: number, y: number, t: number) {
  if (!inDisc(x, y, t)) return texture(x + 2 * t, y)
  const [r, g, b] = texture(x - 4 * t + 300, y + 200)
  return [0.35 + 0.65 * r, 0.7 * g, 0.6 * b] as const
}
const disc = (t: number): FloatImage => ({
  width,
  height,
  channels: 1,
  data: Float32Array.from({ length: width * height }, (_, i) =>
    inDisc((i % width) + 0.5, Math.floor(i / width) + 0.5, t) ? 1 : 0,
  ),
})
const nothing = (): FloatImage => ({ width, height, channels: 1, data: new Float32Array(width * height) })

let frames: ClipFrames
let flow: ClipFlow

beforeAll(async () => {
  frames = clipOf(width, height, count, colour)
  flow = await estimateClipFlow(frames)
})

const worst = (masks: readonly FloatImage[]) => Math.min(...masks.map((mask, t) => overlap(mask, disc(t))))

describe('foregroundMasks', () => {
  it('carries the mask of one frame to all others and leaves it as it is', async () => {
    const given = disc(2)
    const notices: ForegroundNotice[] = []
    const masks = await foregroundMasks({
      frames,
      flow,
      hint: { kind: 'masks', masks: new Map([[2, given]]) },
      onNotice: (notice) => notices.push(notice),
    })
    expect(masks.length).toBe(count)
    expect(masks[2]).toBe(given)
    expect(worst(masks)).toBeGreaterThan(0.8)
    expect(masks.every(({ data }) => data.every((x) => x >= 0 && x <= 1))).toBe(true)
    expect(notices).toEqual([{ kind: 'carried', frames: [0, 1, 3, 4, 5] }])
  })

  it('takes masks matched to frames, passes extra ones over and carries to frames whose mask is empty', async () => {
    const notices: ForegroundNotice[] = []
    const given = new Map([
      [0, disc(0)],
      [1, disc(1)],
      [2, nothing()],
      [3, disc(3)],
      [4, disc(4)],
      [5, disc(5)],
      [17, disc(0)],
    ])
    const masks = await foregroundMasks({
      frames,
      flow,
      hint: { kind: 'masks', masks: given },
      onNotice: (notice) => notices.push(notice),
    })
    expect(worst(masks)).toBeGreaterThan(0.8)
    expect(notices).toEqual([
      { kind: 'empty-masks', frames: [2] },
      { kind: 'carried', frames: [2] },
    ])
  })

  it('grows from a point', async () => {
    expect(
      worst(await foregroundMasks({ frames, flow, hint: { kind: 'point', x: 44, y: 42, frame: 1 } })),
    ).toBeGreaterThan(0.6)
  })

  it('finds what moves against the background while the camera moves', async () => {
    const told: [number, number][] = []
    expect(
      worst(
        await foregroundMasks({
          frames,
          flow,
          hint: { kind: 'motion' },
          onProgress: (...progress) => told.push(progress),
        }),
      ),
    ).toBeGreaterThan(0.75)
    // However many parts there were, all are done once, at the end.
    expect(told.length).toBeGreaterThan(told[0]![1])
    expect(told.filter(([done, total]) => done === total)).toEqual([told.at(-1)])
  })

  it('draws coarse relevancy to the outline', async () => {
    // Cells of 20 px: the disc is three cells of them.
    const coarse = (t: number): FloatImage => ({
      width: 6,
      height: 4,
      channels: 1,
      data: Float32Array.from(
        { length: 24 },
        (_, k) => 1 / (1 + (Math.hypot((k % 6) * 20 + 10 - 40 - 4 * t, Math.floor(k / 6) * 20 + 10 - 42) / 20) ** 2),
      ),
    })
    const hint: ForegroundHint = {
      kind: 'relevancy',
      maps: new Map([
        [0, coarse(0)],
        [3, coarse(3)],
      ]),
    }
    expect(worst(await foregroundMasks({ frames, flow, hint }))).toBeGreaterThan(0.7)
  })

  it('takes probabilities of some frames to all of them', async () => {
    // The right half of the disc is missing in one of them.
    const half = { ...disc(3), data: disc(3).data.map((x, i) => (i % width < 55 ? x : 0)) }
    const hint: ForegroundHint = {
      kind: 'probability',
      maps: new Map([
        [0, disc(0)],
        [3, half],
      ]),
    }
    expect(worst(await foregroundMasks({ frames, flow, hint }))).toBeGreaterThan(0.7)
  })

  it('looks closely at an object that stands out, and does not believe a look that met something else', async () => {
    const half = { ...disc(3), data: disc(3).data.map((x, i) => (i % width < 55 ? x : 0)) }
    const elsewhere = { ...nothing(), data: nothing().data.map((_, i) => (i % width < 20 ? 1 : 0)) }
    const looked: number[] = []
    const hint: ForegroundHint = {
      kind: 'object',
      maps: new Map([
        [0, disc(0)],
        [3, half],
      ]),
      answers: null,
      look: (t, around) => {
        looked.push(t)
        expect(overlap(around, disc(t))).toBeGreaterThan(0.5)
        return Promise.resolve(t === 2 ? elsewhere : t === 4 ? null : disc(t))
      },
    }
    const masks = await foregroundMasks({ frames, flow, hint })
    expect(looked.toSorted()).toEqual([0, 1, 2, 3, 4, 5])
    const overlaps = masks.map((mask, t) => overlap(mask, disc(t)))
    // Seen in four frames, and carried to the other two.
    expect(Math.min(...[0, 1, 3, 5].map((t) => overlaps[t]!))).toBeGreaterThan(0.95)
    expect(Math.min(overlaps[2]!, overlaps[4]!)).toBeGreaterThan(0.8)
  })

  it('looks closely at the frames without a mask, if a look at the masked one meets its mask', async () => {
    const masksOf = (found: (t: number) => FloatImage, looked: number[]) =>
      foregroundMasks({
        frames,
        flow,
        hint: {
          kind: 'masks',
          masks: new Map([[2, disc(2)]]),
          look: (t) => {
            looked.push(t)
            return Promise.resolve(found(t))
          },
        },
        onNotice: ({ kind }) => told.push(kind),
      })
    const told: string[] = []
    const looked: number[] = []
    const masks = await masksOf(disc, looked)
    expect(worst(masks)).toBeGreaterThan(0.95)
    expect(looked).toEqual([2, 5, 4, 3, 1, 0])
    // What stands out is more than was painted: the masks are carried as if nobody looked.
    const larger = (t: number) => ({
      ...disc(t),
      data: disc(t).data.map((x, i) => (Math.floor(i / width) < 42 ? 1 : x)),
    })
    expect(told).toEqual(['looked-at'])
    const once: number[] = []
    const carried = await masksOf(larger, once)
    expect(once).toEqual([2])
    expect(told).toEqual(['looked-at', 'unmet'])
    expect(carried).toEqual(
      await foregroundMasks({ frames, flow, hint: { kind: 'masks', masks: new Map([[2, disc(2)]]) } }),
    )
  })

  it('takes what stands out at a point, and looks closely at it', async () => {
    const point = { kind: 'point', x: 44, y: 42, frame: 1 } as const
    const standsOut = { maps: new Map([[1, disc(1)]]), look: (t: number) => Promise.resolve(disc(t)) }
    const masks = await foregroundMasks({ frames, flow, hint: { ...point, standsOut } })
    const grown = await foregroundMasks({ frames, flow, hint: point })
    expect(worst(masks)).toBeGreaterThan(0.8)
    expect(masks.every((mask, t) => overlap(mask, disc(t)) > overlap(grown[t]!, disc(t)) + 0.1)).toBe(true)
  })

  it('says what is wrong with a hint', async () => {
    const masks = (map: [number, FloatImage][]) =>
      foregroundMasks({ frames, flow, hint: { kind: 'masks', masks: new Map(map) } })
    await expect(masks([[0, { ...disc(0), width: height, height: width }]])).rejects.toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('120x80; it has 1 and 80x120') as string,
    })
    await expect(masks([[0, nothing()]])).rejects.toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('mask of frame 0 is empty') as string,
    })
    await expect(masks([[9, disc(0)]])).rejects.toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('No mask belongs to a frame') as string,
    })
    const point = { kind: 'point', x: 120, y: 3, frame: 0 } as const
    await expect(foregroundMasks({ frames, flow, hint: point })).rejects.toMatchObject({
      code: 'POINT_INVALID',
      message: expect.stringContaining('x in [0, 120)') as string,
    })
  })

  it('finds nothing where nothing moves against the background', async () => {
    const still = clipOf(width, height, 3, (x, y, t) => texture(x + 2 * t, y - t))
    await expect(
      foregroundMasks({ frames: still, flow: await estimateClipFlow(still), hint: { kind: 'motion' } }),
    ).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND', message: expect.stringContaining('--point') as string })
  })
})
