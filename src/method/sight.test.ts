import { describe, expect, it } from 'vitest'
import { twoObjects } from '../../test/support/twoObjects.js'
import { type Sight, objectAlone, seenBy, sightAfter, sightThrough, withoutSurroundings } from './sight.js'

const { photo, disc } = twoObjects(40, 36)
const object = disc.map
const n = object.data.length
const luma = (data: Float32Array, i: number): number =>
  0.299 * data[i]! + 0.587 * data[n + i]! + 0.114 * data[2 * n + i]!
const map = (value: (i: number) => number) => ({ ...object, data: new Float32Array(n).map((_, i) => value(i)) })

describe('an object alone', () => {
  const seen = seenBy(objectAlone(photo, object)!, photo)

  it('is as it was, and around it is a grey of its own mean brightness', () => {
    let [light, area] = [0, 0]
    for (let i = 0; i < n; i++) {
      light += object.data[i]! * luma(photo.data, i)
      area += object.data[i]!
    }
    const outside = [...object.data.keys()].filter((i) => object.data[i] === 0)
    const inside = [...object.data.keys()].filter((i) => object.data[i] === 1)
    expect([outside.length, inside.length].every((count) => count > n / 20)).toBe(true)
    for (const c of [0, 1, 2]) {
      for (const i of outside) expect(seen.data[c * n + i]).toBeCloseTo(light / area, 5)
      for (const i of inside) expect(seen.data[c * n + i]).toBe(photo.data[c * n + i])
    }
  })

  it('says nothing of what is around it', () => {
    const other = {
      ...photo,
      data: photo.data.map((x, i) => (object.data[i % n] === 0 ? 1 - x : x)),
    }
    expect(other.data).not.toEqual(photo.data)
    expect(seenBy(objectAlone(other, object)!, other).data).toEqual(seen.data)
  })

  it('is none where there is no object', () => {
    expect(
      objectAlone(
        photo,
        map(() => 0),
      ),
    ).toBeNull()
    expect(
      objectAlone(
        photo,
        map((i) => (i === 0 ? 0.1 : 0)),
      ),
    ).toBeNull()
  })
})

describe('a photo without its surroundings', () => {
  const hidden = { surroundings: 'hidden', regionBound: 1 } as const
  const half = map((i) => object.data[i]! / 2)

  it('is the object alone: a region as far as it bounds, or else what a mask lets through', () => {
    expect(withoutSurroundings(photo, hidden, object, undefined)!.times.data[0]).toBe(0)
    const [whole, partly] = [1, 0.25].map((regionBound) =>
      withoutSurroundings(photo, { ...hidden, regionBound }, object, undefined),
    )
    expect(partly!.times.data[0]).toBe(0.75)
    // As light as the object, however little of what is around it is hidden.
    expect(partly!.grey).toBe(whole!.grey)
    expect(partly!.plus.data[0]).toBeCloseTo(0.25 * whole!.grey, 6)
    const { times } = withoutSurroundings(photo, hidden, null, half)!
    object.data.forEach((x, i) => {
      if (x === 0 || x === 1) expect(times.data[i]).toBe(x)
    })
    expect(
      withoutSurroundings(
        photo,
        { ...hidden, regionBound: 0 },
        map(() => 1),
        half,
      )!.times,
    ).toEqual(times)
    // A region is the object, whatever part of it the mask leaves.
    expect(
      withoutSurroundings(
        photo,
        hidden,
        object,
        map(() => 0),
      ),
    ).toEqual(withoutSurroundings(photo, hidden, object, undefined))
  })

  it('is the photo where nothing bounds the edit, or as asked', () => {
    expect(withoutSurroundings(photo, { ...hidden, surroundings: 'shown' }, object, half)).toBeNull()
    expect(withoutSurroundings(photo, { ...hidden, regionBound: 0 }, object, undefined)).toBeNull()
    expect(
      withoutSurroundings(
        photo,
        hidden,
        null,
        map(() => 0.1),
      ),
    ).toBeNull()
    expect(withoutSurroundings(photo, hidden, null, undefined)).toBeNull()
  })
})

describe('a part of the photo that is black where something else is', () => {
  it('is seen as the object alone: grey where it is black', () => {
    const alone = objectAlone(photo, object)!
    const opacity = map((i) => (i % 2 === 0 ? 1 : 0.25))
    const black = { ...photo, data: photo.data.map((x, i) => x * opacity.data[i % n]!) }
    const seen = seenBy(
      sightThrough(alone, (place) => place, opacity),
      black,
    )
    seen.data.forEach((x, i) => {
      const share = object.data[i % n]! * opacity.data[i % n]!
      expect(x).toBeCloseTo(share * photo.data[i]! + (1 - share) * alone.grey, 5)
    })
  })
})

describe('a sight after another', () => {
  const half: Sight = { times: map(() => 0.5), plus: map((i) => (i % 3 === 0 ? 0.25 : 0)) }
  const alone = objectAlone(photo, object)!

  it.each([
    ['both add', half],
    ['the first adds nothing', { ...half, plus: map(() => 0) }],
  ])('is one that shows what both show in turn: %s', (_, first) => {
    const joined = seenBy(sightAfter(first, alone)!, photo)
    const inTurn = seenBy(alone, seenBy(first, photo))
    joined.data.forEach((x, i) => {
      expect(x).toBeCloseTo(inTurn.data[i]!, 6)
    })
    expect(joined.data).not.toEqual(seenBy(alone, photo).data)
  })

  it('is that of one where there is one, and none of none', () => {
    expect(sightAfter(null, alone)).toBe(alone)
    expect(sightAfter(half, null)).toBe(half)
    expect(sightAfter(null, null)).toBeNull()
  })

  it('never shows more than white', () => {
    expect(Math.max(...seenBy({ times: map(() => 3), plus: map(() => 0) }, photo).data)).toBe(1)
  })
})
