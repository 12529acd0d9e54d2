import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { Graph } from '../../src/engine/graph.js'
import { add } from '../../src/engine/ops.js'
import type { Runtime } from '../../src/engine/runtime.js'

/**
 * WebGPU with no way back to the CPU, or null where no adapter answers (the tests then report a skip).
 * With TEXT2LIVE_REQUIRE_WEBGPU=1 a missing adapter is an error instead.
 */
export async function findAdapter(): Promise<Runtime | null> {
  const runtime = createNodeRuntime({ device: 'webgpu', strictDevice: true })
  const graph = new Graph()
  try {
    const program = await runtime.compile(graph, { y: add(graph.input('x', [1]), 1) })
    await program.release()
    return runtime
  } catch (error) {
    if (process.env['TEXT2LIVE_REQUIRE_WEBGPU'] === '1') throw error
    return null
  }
}
