import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import * as ops from '../../src/engine/ops.js'
import { adjointOps } from './adjointSuite.js'
import { readOpFixture } from './opFixture.js'

const file = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url))
const oracle = new Set(
  readOpFixture(file('ops.json').toString(), new Uint8Array(file('ops.safetensors'))).cases.map(({ op }) => op),
)
const names = Object.entries(ops)
  .filter(([, value]) => typeof value === 'function')
  .map(([name]) => name)

/** Other names of an op that is tried, or what it is made of. */
const triedAs: Readonly<Record<string, string>> = {
  swapLast: 'transpose',
  take: 'gather',
  resampleSeparable: 'resizeBilinear',
  gridCoverage: 'gridSample',
  step: 'maximum',
  cast: 'sampleBilinear',
  scatterAdd: 'gather',
}
/** Without a gradient: constant wherever they have one, conversions, and what only gradient rules apply. */
const constant = new Set(['floor', 'step', 'cast', 'stopGradient', 'scatterAdd', 'gridCoverage'])

// stopGradient is the value as it is: graph.test.ts shows that differentiation stops there.
it('every op is held against PyTorch', () => {
  expect(names.filter((name) => name !== 'stopGradient' && !oracle.has(triedAs[name] ?? name))).toEqual([])
})

it('every op that has a gradient is in the adjoint suite', () => {
  expect(
    names.filter((name) => !constant.has(name) && !adjointOps.has(name) && !adjointOps.has(triedAs[name] ?? name)),
  ).toEqual([])
})
