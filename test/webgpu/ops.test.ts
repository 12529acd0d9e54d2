import { describe, expect, it } from 'vitest'
import { Graph } from '../../src/engine/graph.js'
import { add, exp } from '../../src/engine/ops.js'
import { runAdjointSuite } from '../ops/adjointSuite.js'
import { runOpSuite } from '../ops/opSuite.js'
import { findAdapter } from './adapter.js'

const runtime = await findAdapter()

describe.skipIf(!runtime)('WebGPU in Node', () => {
  it('fails for an operator that the device lacks, instead of running it on the CPU', async () => {
    const graph = new Graph()
    const x = graph.input('x', [2, 2])
    const inverse = graph.apply({ op: 'Det', inputs: [add(x, 1)], shape: [] })
    await expect(runtime!.compile(graph, { y: exp(inverse) })).rejects.toMatchObject({ code: 'DEVICE_UNAVAILABLE' })
  })

  runOpSuite('webgpu', () => runtime!)
  runAdjointSuite('webgpu', () => runtime!, 2)
})
