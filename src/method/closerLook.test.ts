import { describe, expect, it } from 'vitest'
import { overlap } from '../media/changeMeasures.js'
import type { FloatImage } from '../media/image.js'
import type { OutlineFinder } from '../models/outline.js'
import { answersHeld, boxAround, closerLook } from './closerLook.js'

const [width, height] = [60, 40]

/** One channel, 1 inside the rectangle and 0 outside. */
function rectangle(left: number, top: number, right: number, bottom: number): FloatImage {
  const inside = (x: number, y: number) => x >= left && x < right && y >= top && y < bottom
  const data = Float32Array.from({ length: width * height }, (_, i) =>
    inside(i % width, Math.floor(i / width)) ? 1 : 0,
  )
  return { width, height, channels: 1, data }
}

/** A wearer, the bag on its back, which the words mean, and a photo that is black but for what is found. */
const wearer = rectangle(10, 0, 40, 40)
const bag = rectangle(18, 12, 32, 26)
const photo: FloatImage = { width, height, channels: 3, data: new Float32Array(3 * width * height) }
const answers = {
  relevancy: { ...bag, data: bag.data.map((x, i) => x + 0.3 * wearer.data[i]!) },
  rivalry: null,
  presence: null,
}

/** A network that finds what `found` says of the part of the photo that it is shown, told by the part's size. */
function finderOf(found: (width: number, height: number) => FloatImage, seen: [number, number][] = []): OutlineFinder {
  return {
    find(picture) {
      seen.push([picture.width, picture.height])
      return Promise.resolve(found(picture.width, picture.height))
    },
    release: () => Promise.resolve(),
  }
}

const filled = (w: number, h: number, inside: (x: number, y: number) => boolean): FloatImage => ({
  width: w,
  height: h,
  channels: 1,
  data: Float32Array.from({ length: w * h }, (_, i) => (inside(i % w, Math.floor(i / w)) ? 1 : 0)),
})

describe('a box', () => {
  it('is the least around what is above a threshold, with some of the picture around it', () => {
    expect(boxAround(bag, 0.5, 0)).toEqual({ x: 14, y: 8, width: 22, height: 22 })
    expect(boxAround(wearer, 0.5, 0.2)).toEqual({ x: 0, y: 0, width: 50, height: 40 })
    expect(boxAround(bag, 1, 0)).toBeNull()
  })
})

describe('a closer look', () => {
  it('finds the thing that the words mean within what stands out', async () => {
    const seen: [number, number][] = []
    // All but a margin as wide as the box has: the bag, whatever the box.
    const around = finderOf((w, h) => {
      const [left, top] = [(w - 14) / 2, (h - 14) / 2]
      return filled(w, h, (x, y) => x >= left && x < left + 14 && y >= top && y < top + 14)
    }, seen)
    const look = await closerLook(photo, answers, wearer, around)
    expect(overlap(look!, bag)).toBeGreaterThan(0.9)
    expect(seen.length).toBeGreaterThan(0)
    for (const [w, h] of seen) expect(w * h).toBeLessThan(width * height)
    expect(answersHeld(answers.relevancy, look!)).toBeGreaterThan(answersHeld(answers.relevancy, wearer))
  })

  it('is none where what it finds is cut by the box, or holds none of the answer', async () => {
    expect(
      await closerLook(
        photo,
        answers,
        wearer,
        finderOf((w, h) => filled(w, h, () => true)),
      ),
    ).toBeNull()
    expect(
      await closerLook(
        photo,
        answers,
        wearer,
        finderOf((w, h) => filled(w, h, () => false)),
      ),
    ).toBeNull()
    const beside = finderOf((w, h) => filled(w, h, (x, y) => x > 0 && x < 3 && y > 0 && y < 3))
    expect(await closerLook(photo, answers, wearer, beside)).toBeNull()
  })

  it('is none where nothing of the candidate answers more than the rest of it', async () => {
    const seen: [number, number][] = []
    const even = { ...answers, relevancy: wearer }
    expect(
      await closerLook(
        photo,
        even,
        wearer,
        finderOf((w, h) => filled(w, h, () => true), seen),
      ),
    ).toBeNull()
    expect(seen).toEqual([])
  })
})
