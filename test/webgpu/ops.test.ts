import { afterAll, describe, expect, it } from 'vitest'
import { runAdjointSuite } from '../ops/adjointSuite.js'
import { runOpSuite } from '../ops/opSuite.js'
import { findAdapter } from './adapter.js'

const adapter = await findAdapter()

describe.skipIf(!adapter)('WebGPU in Node', () => {
  afterAll(() => adapter?.keepAlive.release())

  it('runs a graph on the adapter', async () => {
    const { Tensor } = adapter!.runtime
    const { y } = await adapter!.keepAlive.run({ x: new Tensor('float32', [2], [1]) })
    expect(y?.data).toEqual(Float32Array.of(3))
  })

  runOpSuite('webgpu', () => adapter!.runtime)
  runAdjointSuite('webgpu', () => adapter!.runtime, 2)
})
