import { describe, expect, it } from 'vitest'
import { frameOfMask, pairMasks, type PairedClip } from './pairMasks.js'

const numbered = (from: number, count: number, name = (n: number) => String(n).padStart(5, '0')) =>
  Array.from({ length: count }, (_, i) => name(from + i))
const files = (stems: readonly string[]) => stems.map((stem) => `masks/${stem}.png`)
function pair(stems: readonly string[], clip: Partial<PairedClip> & { readonly count: number }) {
  const { files: paired, notes } = pairMasks(files(stems), { limited: false, ...clip }, 'masks', '--object')
  return { pairs: [...paired].map(([frame, file]) => [frame, file.slice(6, -4)]), notes }
}
function refused(stems: readonly string[], clip: Partial<PairedClip> & { readonly count: number }) {
  try {
    pair(stems, clip)
  } catch (error) {
    return error
  }
  return null
}
const inOrder = (stems: readonly string[]) => stems.map((stem, i) => [i, stem])

describe('a folder of frames', () => {
  it('equal names pair by name, without a word, some or all', () => {
    const names = numbered(1, 6)
    expect(pair(names, { count: 6, names })).toEqual({ pairs: inOrder(names), notes: [] })
    expect(pair(['00003', '00006'], { count: 6, names })).toEqual({
      pairs: [
        [2, '00003'],
        [5, '00006'],
      ],
      notes: [],
    })
  })

  it('frames from 1, masks from 0: as many pair in order, and it is said', () => {
    const { pairs, notes } = pair(numbered(0, 6), { count: 6, names: numbered(1, 6) })
    expect(pairs).toEqual(inOrder(numbered(0, 6)))
    expect(notes).toEqual([expect.stringContaining('in order') as string])
    expect(pair(numbered(1, 6), { count: 6, names: numbered(0, 6) }).pairs).toEqual(inOrder(numbered(1, 6)))
  })

  it('of fewer frames than the folder has, each has its own mask', () => {
    const { pairs } = pair(numbered(0, 6), { count: 3, limited: true, names: numbered(1, 6) })
    expect(pairs).toEqual(inOrder(numbered(0, 3)))
    expect(pair(numbered(1, 6), { count: 3, limited: true, names: numbered(1, 6) })).toEqual({
      pairs: inOrder(numbered(1, 3)),
      notes: [],
    })
  })

  it("masks that count otherwise and are fewer or more are refused: each frame would get its neighbour's", () => {
    expect(refused(numbered(0, 5), { count: 6, names: numbered(1, 6) })).toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('"00000" names none') as string,
    })
    expect(refused(numbered(1, 7), { count: 6, names: numbered(0, 6) })).toMatchObject({ code: 'MASK_INVALID' })
  })

  it('more masks than frames by name, and other pictures beside them: told', () => {
    expect(pair(numbered(1, 9), { count: 6, names: numbered(1, 6) })).toMatchObject({
      pairs: inOrder(numbered(1, 6)),
      notes: [expect.stringContaining('3 of 9') as string],
    })
    expect(pair(['00002', 'overview'], { count: 6, names: numbered(1, 6) })).toMatchObject({
      pairs: [[1, '00002']],
      notes: [expect.stringContaining('1 of 2') as string],
    })
  })

  it('other names with the numbers of frames pair by number', () => {
    const names = numbered(1, 6, (n) => `frame_${n}`)
    expect(pair(['mask_2', 'mask_5'], { count: 6, names })).toMatchObject({
      pairs: [
        [1, 'mask_2'],
        [4, 'mask_5'],
      ],
      notes: [expect.stringContaining('by the numbers') as string],
    })
    expect(refused(['mask_0', 'mask_5'], { count: 6, names })).toMatchObject({ code: 'MASK_INVALID' })
    expect(refused(['car'], { count: 6, names })).toMatchObject({ code: 'MASK_INVALID' })
  })
})

describe('a clip file', () => {
  it('numbers from 0 are those of the frames', () => {
    expect(pair(numbered(0, 6), { count: 6 })).toEqual({ pairs: inOrder(numbered(0, 6)), notes: [] })
    expect(pair(['00000', '00004'], { count: 6 })).toEqual({
      pairs: [
        [0, '00000'],
        [4, '00004'],
      ],
      notes: [],
    })
    expect(pair(numbered(0, 6), { count: 3, limited: true })).toEqual({ pairs: inOrder(numbered(0, 3)), notes: [] })
    expect(pair(numbered(0, 8), { count: 6 }).notes).toEqual([expect.stringContaining('2 of 8') as string])
  })

  it('numbers from 1, as many as frames, pair in order, and it is said', () => {
    const { pairs, notes } = pair(numbered(1, 6), { count: 6 })
    expect(pairs).toEqual(inOrder(numbered(1, 6)))
    expect(notes).toEqual([expect.stringContaining('count from 1') as string])
    expect(pair(numbered(1, 9), { count: 3, limited: true })).toMatchObject({
      pairs: inOrder(numbered(1, 3)),
      notes: [expect.stringContaining('count from 1') as string],
    })
    expect(pair(numbered(1001, 9), { count: 3, limited: true }).pairs).toEqual(inOrder(numbered(1001, 3)))
    expect(
      pair(
        numbered(1, 6, (n) => `${n}_mask`),
        { count: 6 },
      ).pairs,
    ).toEqual(inOrder(numbered(1, 6, (n) => `${n}_mask`)))
  })

  it('few masks of which the last can only be counted from 1', () => {
    expect(pair(['00003', '00006'], { count: 6 })).toMatchObject({
      pairs: [
        [2, '00003'],
        [5, '00006'],
      ],
      notes: [expect.stringContaining('counted from 1') as string],
    })
  })

  it('few masks without such a sign are counted from 0; in doubt it is said', () => {
    expect(pair(['00003', '00004'], { count: 6 })).toEqual({
      pairs: [
        [3, '00003'],
        [4, '00004'],
      ],
      notes: [],
    })
    expect(pair(numbered(1, 3), { count: 6 })).toMatchObject({
      pairs: [
        [1, '00001'],
        [2, '00002'],
        [3, '00003'],
      ],
      notes: [expect.stringContaining('counted from 0') as string],
    })
  })

  it('names without numbers pair in order where they are as many; two of one frame, none of any are refused', () => {
    expect(pair(['a', 'b', 'c'], { count: 3 })).toMatchObject({
      pairs: inOrder(['a', 'b', 'c']),
      notes: [expect.stringContaining('in order') as string],
    })
    expect(refused(['a1', 'b1'], { count: 6 })).toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('both of frame 1') as string,
    })
    expect(refused(['a', 'b'], { count: 6 })).toMatchObject({ code: 'MASK_INVALID' })
    expect(refused([], { count: 6 })).toMatchObject({
      code: 'MASK_INVALID',
      message: expect.stringContaining('no pictures') as string,
    })
  })
})

it('a single mask is of the frame that its name says, else of the first; what was guessed is said', () => {
  const of = (file: string, clip: Partial<PairedClip> = {}) =>
    frameOfMask(file, { count: 6, limited: false, ...clip }, '--object')
  expect(of('m/00003.png')).toEqual({ frame: 3, notes: [] })
  expect(of('m/car.png')).toEqual({ frame: 0, notes: [] })
  expect(of('m/car-mask-2.png')).toMatchObject({
    frame: 2,
    notes: [expect.stringContaining('frame 2, counted from 0') as string],
  })
  expect(of('m/00006.png')).toMatchObject({ frame: 0, notes: [expect.stringContaining('frame 0') as string] })
  expect(of('m/b.png', { names: ['a', 'b'] })).toEqual({ frame: 1, notes: [] })
})
