import { type Runtime, type RuntimeOptions, createRuntime } from '../runtime.js'
import { loadOnnxRuntime } from './loadOnnxRuntime.js'

/**
 * The engine on `onnxruntime-node`: CPU, WebGPU, or CUDA where its provider library was added (docs/cuda.md).
 *
 * @throws Text2LiveError TELEMETRY_ON, DEPENDENCY_MISSING
 */
export function createNodeRuntime(options: Omit<RuntimeOptions, 'native'>): Runtime {
  return createRuntime(loadOnnxRuntime(), { ...options, native: true })
}
