import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { Graph } from '../../src/engine/graph.js'
import { add } from '../../src/engine/ops.js'
import type { Program, Runtime } from '../../src/engine/runtime.js'

export interface Adapter {
  readonly runtime: Runtime
  /** Held through the tests: ONNX Runtime gives the device up with its last session, and a new device costs half a second. */
  readonly keepAlive: Program
}

/**
 * WebGPU with no way back to the CPU, or null where no adapter answers (the tests then report a skip).
 * With TEXT2LIVE_REQUIRE_WEBGPU=1 a missing adapter is an error instead.
 */
export async function findAdapter(): Promise<Adapter | null> {
  const runtime = createNodeRuntime({ device: 'webgpu', strictDevice: true })
  const graph = new Graph()
  try {
    return { runtime, keepAlive: await runtime.compile(graph, { y: add(graph.input('x', [1]), 1) }) }
  } catch (error) {
    if (process.env['TEXT2LIVE_REQUIRE_WEBGPU'] === '1') throw error
    return null
  }
}
