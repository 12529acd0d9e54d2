import { describe, expect, it } from 'vitest'
import { lossesSvg } from './lossesSvg.js'

const paths = (svg: string) =>
  [...svg.matchAll(/<path d="([^"]*)" fill="none" stroke="#[0-9a-f]{6}" stroke-width="1.8"/g)].map((m) => m[1]!)
const points = (d: string) =>
  [...d.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2])] as const)

describe('lossesSvg', () => {
  it('draws one line per loss with its name and last value', () => {
    const svg = lossesSvg([0, 1, 2].map((step) => ({ step, losses: { composition: 1 / (step + 1), structure: 0.02 } })))
    expect(paths(svg)).toHaveLength(2)
    for (const text of ['>composition<', '>structure<', '>0.333<', '>0.0200<', '>step<', '>loss (log scale)<'])
      expect(svg).toContain(text)
  })

  it('is logarithmic: equal ratios are equal distances, downwards as the loss falls', () => {
    const [line] = paths(lossesSvg([1, 0.1, 0.01].map((a, step) => ({ step, losses: { a } }))))
    const ys = points(line!).map(([, y]) => y)
    expect(ys[0]!).toBeLessThan(ys[1]!)
    expect(ys[2]! - ys[1]!).toBeCloseTo(ys[1]! - ys[0]!, 0)
  })

  it('leaves a gap where a loss is missing, zero or not a number', () => {
    const [line] = paths(lossesSvg([1, 2, NaN, 0, -1, Infinity, 3, 2].map((a, step) => ({ step, losses: { a } }))))
    expect(line!.match(/M/g)).toHaveLength(2)
    expect(points(line!)).toHaveLength(4)
    const svg = lossesSvg([
      { step: 0, losses: { a: 1, b: 1 } },
      { step: 1, losses: { a: 1 } },
    ])
    expect(points(paths(svg)[1]!)).toHaveLength(1)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  })

  it('holds a long run to at most 325 points a line, inside the plot', () => {
    const [line] = paths(
      lossesSvg(Array.from({ length: 10_000 }, (_, step) => ({ step, losses: { a: 1 + Math.sin(step) / 2 } }))),
    )
    expect(points(line!).length).toBeLessThanOrEqual(325)
    expect(points(line!).length).toBeGreaterThan(250)
    for (const [x, y] of points(line!)) expect(x >= 70 && x <= 720 && y >= 44 && y <= 404).toBe(true)
  })

  it('draws an empty history, one step, and names that need escaping', () => {
    expect(lossesSvg([])).toContain('no steps yet')
    expect(lossesSvg([{ step: 7, losses: { a: 2 } }])).not.toMatch(/NaN|Infinity/)
    const svg = lossesSvg([{ step: 0, losses: { '<b>&"': 1 } }], 'a < b')
    expect(svg).not.toContain('<b>')
    expect(svg).toContain('a &#60; b')
  })
})
