import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { differingLosses, tinyClip, twoSteps } from '../support/twoSteps.js'
import { findAdapter } from './adapter.js'

const runtime = await findAdapter()

/** Between the CPU and a graphics processor; the second step's losses see the first one's update. */
const TOLERANCE = 1e-3

/** One size: a software adapter takes a minute to compile the shaders of a step. */
const oneSize = { cropsMinCover: 1, scaleMin: 1, scaleMax: 1, wholeImageEvery: 0 }

describe.skipIf(!runtime)('two steps of the method on WebGPU', () => {
  it('have the losses of the CPU', async () => {
    const clip = await folderSource(fileURLToPath(new URL('../fixtures/tinyClip', import.meta.url)))
    const cpu = createNodeRuntime({ device: 'cpu', threads: 2 })
    const expected = await twoSteps(cpu, await tinyClip(clip, cpu), { preset: 'fast', ...oneSize })
    const losses = await twoSteps(runtime!, await tinyClip(clip, runtime!), { preset: 'fast', ...oneSize })
    expect(differingLosses(losses, expected, TOLERANCE)).toEqual([])
    expect(differingLosses(losses.slice(1), losses.slice(0, 1), TOLERANCE)).not.toEqual([])
  }, 900_000)
})
