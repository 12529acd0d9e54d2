import type { Tensor } from 'onnxruntime-common'
import { describe, expect, it } from 'vitest'
import { Graph } from '../../src/engine/graph.js'
import { add } from '../../src/engine/ops.js'
import { findAdapter } from './adapter.js'

const runtime = await findAdapter()

describe.skipIf(!runtime)('state on the WebGPU device', () => {
  it('goes from run to run without leaving it', async () => {
    const graph = new Graph()
    const program = await runtime!.compile(
      graph,
      { next: add(graph.input('x', [3]), graph.input('w', [3])) },
      { keepOnDevice: ['next', 'absent'] },
    )
    const weights = await runtime!.upload({ w: new runtime!.Tensor('float32', [1, 2, 3], [3]) })
    let state: Tensor = new runtime!.Tensor('float32', [0, 0, 0], [3])
    for (let i = 0; i < 3; i++) {
      const { next } = await program.run({ x: state, ...weights.tensors })
      if (i > 0) state.dispose()
      state = next!
      expect(state.location).toBe('gpu-buffer')
    }
    expect(await runtime!.download(state)).toEqual(Float32Array.of(3, 6, 9))
    state.dispose()
    await weights.release()
    await program.release()
  })
})
