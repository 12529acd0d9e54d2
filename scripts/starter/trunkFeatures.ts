import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { Graph } from '../../src/engine/graph.js'
import { reshape, transpose } from '../../src/engine/ops.js'
import type { Program } from '../../src/engine/runtime.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { bindWeights } from '../../src/models/guidance.js'
import { parseStarterConfig, type StarterConfig, starterImageShapes } from '../../src/models/starterConfig.js'
import { cellFeatures, normalisePixels } from '../../src/models/starterImage.js'
import { openWeightFile } from '../../src/models/weightFile.js'
import { CELL } from './views.js'

/** Numbers that a cell is described by. */
export const FEATURES = 502

export function readStarterConfig(folder: string): StarterConfig {
  const path = join(folder, 'config.json')
  return parseStarterConfig(JSON.parse(readFileSync(path, 'utf8')), path)
}

export interface TrunkOptions {
  /** Folder with trunk.safetensors. */
  readonly parts: string
  readonly config: StarterConfig
  /** Pictures per run. */
  readonly batch: number
  readonly threads: number
}

/** Runs the frozen trunk: pictures [n, 3, size, size] in [0, 1] -> features of their cells, [n, cells, FEATURES]. */
export interface Trunk {
  features(pictures: readonly Float32Array[], size: number): Promise<Float32Array>
}

/** The trunk's weights are constants of the graph, so that ONNX Runtime takes its blocked convolutions. */
export async function openTrunk({ parts, config, batch, threads }: TrunkOptions): Promise<Trunk> {
  const runtime = createNodeRuntime({ device: 'cpu', threads })
  const shapes = new Map([...starterImageShapes(config)].filter(([name]) => name.startsWith('trunk.')))
  const weights = await (
    await openWeightFile(await folderSource(parts), 'trunk.safetensors', shapes)
  ).weights(shapes.keys())
  const programs = new Map<number, Program>()
  const programOf = async (size: number): Promise<Program> => {
    const known = programs.get(size)
    if (known) return known
    const graph = new Graph()
    const { inputs } = bindWeights(graph, { name: 'starter', weights, constants: new Set(weights.keys()) })
    const maps = cellFeatures(normalisePixels(graph.input('pixels', [batch, 3, size, size]), config), config, inputs) // [n, F, g, g]
    const features = reshape(transpose(maps, [0, 2, 3, 1]), [batch, (size / CELL) ** 2, FEATURES])
    const program = await runtime.compile(graph, { features })
    programs.set(size, program)
    return program
  }
  return {
    async features(pictures, size) {
      const program = await programOf(size)
      const pixels = 3 * size * size
      const each = (size / CELL) ** 2 * FEATURES
      const all = new Float32Array(pictures.length * each)
      for (let from = 0; from < pictures.length; from += batch) {
        const part = pictures.slice(from, from + batch)
        const input = new Float32Array(batch * pixels)
        part.forEach((picture, i) => input.set(picture, i * pixels))
        const result = await program.run({ pixels: new runtime.Tensor('float32', input, [batch, 3, size, size]) })
        all.set((result.features!.data as Float32Array).subarray(0, part.length * each), from * each)
      }
      return all
    },
  }
}
