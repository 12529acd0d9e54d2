import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { twoSteps } from '../support/twoSteps.js'
import { findAdapter } from './adapter.js'

const adapter = await findAdapter()
const starter = fileURLToPath(new URL('../../models/starter', import.meta.url))

/** Between the CPU and a graphics processor, relative, of each loss; of step 1 it sees an update as well. */
const TOLERANCE = 1e-3

describe.skipIf(!adapter)('two steps of the method on WebGPU', () => {
  afterAll(() => adapter?.keepAlive.release())

  it('have the losses of the CPU', async () => {
    const source = await folderSource(starter)
    const expected = await twoSteps(createNodeRuntime({ device: 'cpu', threads: 2 }), source)
    const losses = await twoSteps(adapter!.runtime, source)
    expect(losses).toHaveLength(2)
    losses.forEach((step, k) => {
      expect(Object.keys(step)).toEqual(Object.keys(expected[k]!))
      for (const [name, value] of Object.entries(step)) {
        const wanted = expected[k]![name]!
        expect(Math.abs(value - wanted), `${name} of step ${k}: ${value}, on the CPU ${wanted}`).toBeLessThanOrEqual(TOLERANCE * Math.max(Math.abs(wanted), 0.1))
      }
    })
    expect(losses[1]).not.toEqual(losses[0])
  }, 600_000)
})
