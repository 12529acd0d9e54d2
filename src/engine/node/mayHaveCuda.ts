import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/**
 * Whether ONNX Runtime may find CUDA here: its libraries for that are installed apart, and lie beside its own. Where
 * its own are not found either, nothing is known, and it may.
 * @param libraries the folder with a folder of libraries for each version of the binding, system and processor
 */
export function mayHaveCuda(libraries = besideOnnxRuntime()): boolean {
  const beside = listed(libraries).flatMap((version) =>
    listed(join(libraries, version, process.platform, process.arch)),
  )
  return beside.length === 0 || beside.some((name) => name.includes('onnxruntime_providers_cuda'))
}

const besideOnnxRuntime = (): string =>
  join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '../bin')

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
