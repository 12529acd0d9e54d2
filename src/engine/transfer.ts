import type { Tensor } from 'onnxruntime-common'
import { Graph, type Value } from './graph.js'
import { stopGradient } from './ops/elementwise.js'

/** Tensors that lie on the device until they are released. */
export interface Uploaded {
  readonly tensors: Readonly<Record<string, Tensor>>
  release(): Promise<void>
}

/** The part of `Runtime.compile` that a transfer needs. */
type Compile = (
  graph: Graph,
  outputs: Readonly<Record<string, Value>>,
  options?: { readonly keepOnDevice?: readonly string[] },
) => Promise<{
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>
  release(): Promise<void>
}>

/**
 * Copies float32 tensors to a device, as one program whose outputs stay there. The program is held as long as they are:
 * its allocator owns their memory.
 */
export async function uploadTensors(compile: Compile, tensors: Readonly<Record<string, Tensor>>): Promise<Uploaded> {
  const names = Object.keys(tensors)
  if (names.length === 0) return { tensors, release: () => Promise.resolve() }
  const graph = new Graph()
  // Results are numbered: an output cannot have an input's name.
  const outputs = Object.fromEntries(
    names.map((name, i) => [`copy${i}`, stopGradient(graph.input(name, tensors[name]!.dims))]),
  )
  const program = await compile(graph, outputs, { keepOnDevice: Object.keys(outputs) })
  const copies = await program.run(tensors)
  const placed = Object.fromEntries(names.map((name, i) => [name, copies[`copy${i}`]!]))
  return {
    tensors: placed,
    async release() {
      for (const tensor of Object.values(placed)) tensor.dispose()
      await program.release()
    },
  }
}

/**
 * The values of a tensor that lies on a device, through an output placed on the CPU: reading a WebGPU tensor's data
 * directly ends the process in `onnxruntime-node` 1.30.
 */
export async function downloadTensor(compile: Compile, tensor: Tensor): Promise<Float32Array> {
  const graph = new Graph()
  const program = await compile(graph, { copy: stopGradient(graph.input('tensor', tensor.dims)) })
  try {
    const { copy } = await program.run({ tensor })
    return (copy!.data as Float32Array).slice()
  } finally {
    await program.release()
  }
}
