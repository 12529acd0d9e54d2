import { describe, expect, it } from 'vitest'
import { randomStream } from './random.js'

const draws = (seed: number, name: string, step: number, count = 8) => {
  const r = randomStream(seed, name, step)
  return Array.from({ length: count }, () => r.uniform())
}

describe('random streams', () => {
  it('repeat for the same seed, name and step', () => expect(draws(1, 'views', 4)).toEqual(draws(1, 'views', 4)))
  it.each([[2, 'views', 4], [1, 'crops', 4], [1, 'views', 5], [-1, 'views', 4]] as const)('differ at (%i, %s, %i)', (seed, name, step) => {
    expect(draws(seed, name, step)).not.toEqual(draws(1, 'views', 4))
  })
  it('keep their numbers between versions, as old runs must resume', () => {
    expect(draws(1, 'views', 4, 3).map((x) => x.toFixed(12))).toMatchInlineSnapshot(`
      [
        "0.962800545385",
        "0.796509113861",
        "0.865647216327",
      ]
    `)
  })
  it('are uniform', () => {
    const all = draws(7, 'uniform', 0, 20000)
    const bins = new Array<number>(10).fill(0)
    for (const x of all) bins[Math.floor(x * 10)]! += 1
    // Chi-squared with 9 degrees of freedom: 27.9 is exceeded once in a thousand.
    expect(bins.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0)).toBeLessThan(27.9)
    expect(all.reduce((sum, x, i) => sum + (x - 0.5) * ((all[i + 1] ?? 0.5) - 0.5), 0) / 20000).toBeCloseTo(0, 2)
  })
  it('draw whole numbers below the bound, and permutations', () => {
    const r = randomStream(1, 'whole')
    const seen = new Set(Array.from({ length: 200 }, () => r.integer(2, 6)))
    expect([...seen].sort()).toEqual([2, 3, 4, 5])
    expect(r.permutation(20).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })
})
