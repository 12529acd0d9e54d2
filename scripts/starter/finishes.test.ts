import { expect, test } from 'vitest'
import { lumaOf } from '../../src/media/luma.js'
import { finishes, inFinish } from './finishes.js'

const n = 64
/** Light falls off from left to right; the last quarter is no part of the thing. */
const photo = Float32Array.from(
  { length: 3 * n },
  (_, at) => [0.5, 0.3, 0.4][Math.floor(at / n)]! * (1.2 - (at % n) / n),
)
const amount = Float32Array.from({ length: n }, (_, i) => (i < 48 ? 1 : 0))
const at = (picture: Float32Array, i: number) => [picture[i]!, picture[n + i]!, picture[2 * n + i]!] as const

test.each(finishes.filter(({ polished }) => polished))(
  '$forms: shade and highlights further apart than in the photo, the rest as it was',
  (metal) => {
    const painted = inFinish(photo, amount, metal)
    const [light, dark] = [lumaOf(...at(painted, 2)), lumaOf(...at(painted, 45))]
    expect(light - dark).toBeGreaterThan(1.5 * (lumaOf(...at(photo, 2)) - lumaOf(...at(photo, 45))))
    expect(painted.every((x) => x >= 0 && x <= 1)).toBe(true)
    for (let i = 48; i < n; i++) expect(at(painted, i)).toEqual(at(photo, i))
  },
)

test('gold is deeper in the shade and nearly white in the highlights', () => {
  const gold = finishes.find(({ forms }) => forms.includes('golden {}'))!
  const painted = inFinish(photo, amount, gold)
  const ratio = (i: number) => at(painted, i)[1] / at(painted, i)[0]
  expect(ratio(45)).toBeLessThan(0.6)
  expect(ratio(2)).toBeGreaterThan(0.85)
})

test('an even thing stays near its metal', () => {
  const even = new Float32Array(3 * n).fill(0.4)
  const painted = inFinish(even, amount, finishes[0]!)
  for (const [c, x] of finishes[0]!.ramp![2].entries()) expect(painted[c * n]).toBeCloseTo(x, 5)
})

test('a finish without colours of its own keeps those of the photo, which bears its grain', () => {
  const knitted = finishes.find(({ grain }) => grain === 'knitted')!
  expect(inFinish(photo, amount, knitted)).toEqual(photo)
})
