import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Runtime } from '../../src/engine/runtime.js'
import { readOpFixture } from './opFixture.js'
import { runOpCase } from './runOpCase.js'

const file = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url))
const opFixture = readOpFixture(file('ops.json').toString(), new Uint8Array(file('ops.safetensors')))

/** Every op of the PyTorch oracle, forward and gradients, on one device. `runtime` is asked for once the tests run. */
export function runOpSuite(device: string, runtime: () => Runtime): void {
  describe(`ops against PyTorch on ${device}`, () => {
    it('has an oracle', () => {
      expect(opFixture.cases.length).toBeGreaterThan(200)
    })
    it.each(opFixture.cases.map((op) => [op.name, op] as const))('%s', async (_, op) => {
      expect(await runOpCase(runtime(), opFixture, op)).toEqual([])
    })
  })
}
