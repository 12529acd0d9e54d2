import { describe, expect, it } from 'vitest'
import { noPhrases, readDirection, unit } from './phraseReading.js'

/** Red, the same in other words, and wooden; what is in no phrase is in the last two numbers. */
const phrases = {
  texts: ['red {}', 'reddish {}', 'wooden {}'],
  directions: Float32Array.of(1, 0, 0, 0, 0, ...unit(Float32Array.of(1, 0.2, 0, 0, 0)), 0, 0, 1, 0, 0),
}
const heardIn = (...direction: number[]) => readDirection(Float32Array.from(direction), phrases)
const read = (...direction: number[]) => [...heardIn(...direction).direction]
const close = (found: readonly number[], wanted: readonly number[]) =>
  wanted.forEach((x, i) => expect(found[i], `${i} of ${found.join(' ')}`).toBeCloseTo(x, 5))

describe('reading a direction by phrases', () => {
  it('leaves out what no phrase says, whatever the length', () => {
    close(read(1, 0, 0, 0.3, 0.4), [1, 0, 0, 0, 0])
    close(read(5, 0, 0, 1.5, -2), [1, 0, 0, 0, 0])
  })

  it('hears two looks where both are there', () => {
    close(read(1, 0, 1, 0.3, 0), [Math.SQRT1_2, 0, Math.SQRT1_2, 0, 0])
    close(read(2, 0, 1, 0.5, 0), [2 / Math.sqrt(5), 0, 1 / Math.sqrt(5), 0, 0])
    expect(heardIn(1, 0, 0.15, 0, 0).heard).toEqual(['red {}'])
    // A trace of the second among other things is none.
    close(read(1, 0, 0.2, 0.4, 0.3), [1, 0, 0, 0, 0])
  })

  it('leaves out the look that is taken away', () => {
    close(read(1, 0, -1, 0.3, 0), [1, 0, 0, 0, 0])
    expect(heardIn(1, 0, -1, 0.3, 0)).toMatchObject({ heard: ['red {}'], share: 1 })
    // What is taken away alone tells nothing of what comes.
    close(read(0.3, 0, -0.9, 0.3, 0), [...unit(Float32Array.of(0.3, 0, -0.9, 0.3, 0))])
  })

  it('does not hear one look twice because two phrases say it', () => {
    close(read(1, 0.08, 0, 0, 0), [1, 0, 0, 0, 0])
  })

  it('keeps a direction that is like no phrase, and turns by degrees to what it is more like', () => {
    const odd = [0.3, 0, 0, 0.8, Math.sqrt(1 - 0.73)]
    close(read(...odd), odd)
    const half = 0.625
    const [x, , , rest] = read(half, 0, 0, Math.sqrt(1 - half ** 2), 0)
    const [toward, away] = [0.5 * half + 0.5, 0.5 * Math.sqrt(1 - half ** 2)]
    close([x!, rest!], [toward / Math.hypot(toward, away), away / Math.hypot(toward, away)])
  })

  it('tells what it heard, and how far', () => {
    expect(heardIn(1, 0, 0, 0.3, 0)).toMatchObject({ heard: ['red {}'], share: 1 })
    expect(heardIn(1, 0, 1.2, 0.3, 0)).toMatchObject({ heard: ['wooden {}', 'red {}'], share: 1 })
    const { heard, share } = heardIn(0.6, 0, 0, 0.8, 0)
    expect(heard).toEqual(['red {}'])
    expect(share).toBeCloseTo(0.4, 5)
    expect(heardIn(-1, -0.2, -0.1, 0, 0)).toMatchObject({ heard: [], share: 0 })
    expect(heardIn(0.3, 0, 0, 0.9, 0)).toMatchObject({ heard: [], share: 0 })
  })

  it('gives the direction itself, of length 1, without phrases; nothing of nothing', () => {
    const { direction, ...rest } = readDirection(Float32Array.of(0, 3, 4), noPhrases)
    expect([...direction]).toEqual([0, Math.fround(0.6), Math.fround(0.8)])
    expect(rest).toEqual({ heard: [], share: 0 })
    expect(read(0, 0, 0, 0, 0)).toEqual([0, 0, 0, 0, 0])
  })
})
