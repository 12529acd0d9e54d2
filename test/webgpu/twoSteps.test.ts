import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { differingLosses, tinyClip, twoSteps } from '../support/twoSteps.js'
import { findAdapter } from './adapter.js'

const runtime = await findAdapter()

/** Between the CPU and a graphics processor. */
const TOLERANCE = { first: 1e-4, updated: 1e-2 }

/**
 * One size, no outline network: a software adapter takes a minute to compile the shaders of a step. The network's ops
 * are tried in ops.test.ts.
 */
const oneSize = { relevancy: 'edges', cropsMinCover: 1, scaleMin: 1, scaleMax: 1, wholeImageEvery: 0 } as const

describe.skipIf(!runtime)('two steps of the method on WebGPU', () => {
  it('have the losses of the CPU', async () => {
    const source = (path: string) => folderSource(fileURLToPath(new URL(path, import.meta.url)))
    const [clip, outline] = [await source('../fixtures/tinyClip'), await source('../../models/outline')]
    const cpu = createNodeRuntime({ device: 'cpu', threads: 2 })
    const expected = await twoSteps(cpu, await tinyClip(clip, cpu), outline, { preset: 'fast', ...oneSize })
    const losses = await twoSteps(runtime!, await tinyClip(clip, runtime!), outline, { preset: 'fast', ...oneSize })
    expect(differingLosses(losses, expected, TOLERANCE)).toEqual([])
    // The losses of step 1 are not those of step 0.
    expect(differingLosses([losses[1]!, losses[0]!], expected, TOLERANCE).length).toBeGreaterThan(6)
  }, 900_000)
})
