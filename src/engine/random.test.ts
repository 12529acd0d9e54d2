import { describe, expect, it } from 'vitest'
import { randomStream } from './random.js'

function draws(seed: number, name: string, step: number, count = 8) {
  const r = randomStream(seed, name, step)
  return Array.from({ length: count }, () => r.uniform())
}

describe('random streams', () => {
  it('repeat for the same seed, name and step', () => expect(draws(1, 'views', 4)).toEqual(draws(1, 'views', 4)))
  it.each([
    [2, 'views', 4],
    [1, 'crops', 4],
    [1, 'views', 5],
    [-1, 'views', 4],
  ] as const)('differ at (%i, %s, %i)', (seed, name, step) => {
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
  it('of other names, steps and seeds are independent: no shared numbers, no correlation', () => {
    const count = 4000
    const streams = [
      draws(1, 'views', 4, count),
      draws(1, 'views', 5, count),
      draws(1, 'crops', 4, count),
      draws(2, 'views', 4, count),
    ]
    streams.forEach((a, i) =>
      streams.slice(i + 1).forEach((b) => {
        const correlation = (12 * a.reduce((sum, x, k) => sum + (x - 0.5) * (b[k]! - 0.5), 0)) / count
        // Four standard deviations of a mean of products of independent draws.
        expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(count))
        expect(new Set([...a, ...b]).size).toBe(2 * count)
      }),
    )
    // First draws over steps: streams that only differ in their step start anywhere.
    const starts = Array.from({ length: 4000 }, (_, step) => randomStream(1, 'views', step).uniform())
    expect(Math.abs(starts.reduce((a, b) => a + b, 0) / 4000 - 0.5)).toBeLessThan(4 / Math.sqrt(12 * 4000))
    const neighbours = (12 * starts.slice(1).reduce((sum, x, k) => sum + (x - 0.5) * (starts[k]! - 0.5), 0)) / 3999
    expect(Math.abs(neighbours)).toBeLessThan(4 / Math.sqrt(3999))
  })
  it('do not shift when another stream is drawn from', () => {
    const [a, other] = [randomStream(1, 'views', 4), randomStream(1, 'crops', 4)]
    const interleaved = Array.from({ length: 8 }, () => {
      other.permutation(5)
      return a.uniform()
    })
    expect(interleaved).toEqual(draws(1, 'views', 4))
  })
  it('stay in [low, high), hit a chance at its rate, and prefer no whole number and no order', () => {
    const r = randomStream(3, 'bounds')
    const ranged = Array.from({ length: 5000 }, () => r.uniform(-15, 15))
    expect(Math.min(...ranged)).toBeGreaterThanOrEqual(-15)
    expect(Math.max(...ranged)).toBeLessThan(15)
    expect(Math.max(...ranged) - Math.min(...ranged)).toBeGreaterThan(29.9)
    expect(Math.abs(Array.from({ length: 5000 }, () => r.chance(0.15)).filter(Boolean).length - 750)).toBeLessThan(
      4 * Math.sqrt(5000 * 0.15 * 0.85),
    )
    expect(
      Array.from({ length: 100 }, () => [r.chance(0), r.chance(1)]).every(([never, always]) => !never && always),
    ).toBe(true)
    const whole = new Map<number, number>()
    for (let i = 0; i < 6000; i++) {
      const drawn = r.integer(-1, 5)
      whole.set(drawn, (whole.get(drawn) ?? 0) + 1)
    }
    const orders = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const drawn = r.permutation(3).join('')
      orders.set(drawn, (orders.get(drawn) ?? 0) + 1)
    }
    expect([...whole.keys()].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2, 3, 4])
    expect([...orders.keys()].sort()).toEqual(['012', '021', '102', '120', '201', '210'])
    for (const count of [...whole.values(), ...orders.values()])
      expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt((6000 * 5) / 36))
  })
})
