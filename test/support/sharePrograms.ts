import { encodeModel } from '../../src/engine/onnx.js'
import type { Program, Runtime } from '../../src/engine/runtime.js'

/** A runtime that compiles equal graphs once and keeps them, since programs hold no state between runs. */
export function sharePrograms(runtime: Runtime): Runtime {
  const programs = new Map<string, Promise<Program>>()
  return {
    ...runtime,
    async compile(graph, outputs, options) {
      const key = Buffer.from(encodeModel(graph, outputs, options?.given).bytes).toString('latin1')
      const known = programs.get(key) ?? runtime.compile(graph, outputs, options)
      programs.set(key, known)
      return { ...(await known), release: () => Promise.resolve() }
    },
  }
}
