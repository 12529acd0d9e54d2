import * as ort from 'onnxruntime-node'
import { type Runtime, type RuntimeOptions, createRuntime } from '../runtime.js'

/** The engine on `onnxruntime-node`: CPU, WebGPU, or CUDA where its provider library was added (docs/cuda.md). */
export function createNodeRuntime(options: RuntimeOptions): Runtime {
  return createRuntime(ort, options)
}
