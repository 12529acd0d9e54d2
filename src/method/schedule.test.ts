import { describe, expect, it } from 'vitest'
import { readFixtureJson } from '../../test/support/readFixture.js'
import { bootstrapWeightAt, learningRateAt } from './schedule.js'

const published = { learningRate: 2.5e-3, learningRateDecay: 0.99, minLearningRate: 1e-5 }

describe('learningRateAt', () => {
  it('is that of the reference steps', () => {
    const { steps } = readFixtureJson<{ steps: { learningRate: number }[] }>('steps')
    expect(steps).toHaveLength(5)
    steps.forEach(({ learningRate }, k) => expect(learningRateAt(k, published)).toBeCloseTo(learningRate, 15))
  })

  it('decays by a factor each step down to its floor, and stays there', () => {
    expect(learningRateAt(0, published)).toBe(2.5e-3)
    expect(learningRateAt(100, published) / (2.5e-3 * 0.99 ** 100)).toBeCloseTo(1, 10)
    // 0.99^549 is the last power above 1/250.
    expect(learningRateAt(549, published)).toBeGreaterThan(1e-5)
    expect(learningRateAt(550, published)).toBe(1e-5)
    expect(learningRateAt(1_000_000, published)).toBe(1e-5)
  })

  it('is constant at decay 1', () => {
    expect(learningRateAt(1000, { ...published, learningRateDecay: 1 })).toBe(2.5e-3)
  })
})

describe('bootstrapWeightAt', () => {
  const linear = {
    lambdaBootstrap: 10,
    lambdaBootstrapMin: 0,
    bootstrapSteps: 1000,
    bootstrapSchedule: 'linear',
  } as const

  it('linear: falls to zero over its steps', () => {
    expect([0, 1, 499, 998].map((k) => bootstrapWeightAt(k, linear))).toEqual([9.99, 9.98, 5, 10 * (1 - 999 / 1000)])
    expect(bootstrapWeightAt(999, linear)).toBe(0)
  })

  it('exponential: times .99 each step', () => {
    const exponential = { ...linear, bootstrapSchedule: 'exponential' } as const
    expect(bootstrapWeightAt(0, exponential)).toBeCloseTo(9.9, 12)
    expect(bootstrapWeightAt(999, exponential)).toBeCloseTo(10 * 0.99 ** 1000, 12)
  })

  it('none: constant', () => {
    const none = { ...linear, bootstrapSchedule: 'none' } as const
    expect([0, 500, 999].map((k) => bootstrapWeightAt(k, none))).toEqual([10, 10, 10])
  })

  it.each(['linear', 'exponential', 'none'] as const)(
    '%s: never below its floor while it lasts, 0 afterwards',
    (bootstrapSchedule) => {
      const floored = { ...linear, lambdaBootstrapMin: 1.5, bootstrapSchedule }
      const weights = Array.from({ length: 1200 }, (_, k) => bootstrapWeightAt(k, floored))
      expect(Math.min(...weights.slice(0, 1000))).toBe(bootstrapSchedule === 'none' ? 10 : 1.5)
      expect(weights.slice(1000).every((weight) => weight === 0)).toBe(true)
      expect(bootstrapWeightAt(0, { ...floored, bootstrapSteps: 0 })).toBe(0)
    },
  )
})
