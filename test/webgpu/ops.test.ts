import { describe, expect, it } from 'vitest'
import { Graph } from '../../src/engine/graph.js'
import { add, exp, sigmoid } from '../../src/engine/ops.js'
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

  it('keeps its shaders from one program to the next', async () => {
    const time = async () => {
      const graph = new Graph()
      const start = performance.now()
      const program = await runtime!.compile(graph, { y: sigmoid(exp(graph.input('x', [3, 5, 7]))) })
      await program.run({ x: new runtime!.Tensor('float32', new Float32Array(105), [3, 5, 7]) })
      await program.release()
      return performance.now() - start
    }
    const first = await time()
    expect(Math.min(await time(), await time(), await time())).toBeLessThan(first / 2)
  })

  runOpSuite('webgpu', () => runtime!)
  runAdjointSuite('webgpu', () => runtime!, 2)
})
