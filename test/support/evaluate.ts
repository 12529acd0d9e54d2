import type { Graph, Value } from '../../src/engine/graph.js'
import type { Runtime } from '../../src/engine/runtime.js'

export type Arrays = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>

/** Compiles a graph, runs it once on float32 arrays and gives the outputs' values. */
export async function evaluate(runtime: Runtime, graph: Graph, outputs: Readonly<Record<string, Value>>, feeds: Arrays): Promise<Record<string, Float32Array>> {
  const program = await runtime.compile(graph, outputs)
  const tensors = Object.entries(feeds).map(([name, { shape, data }]) => [name, new runtime.Tensor('float32', data, shape)] as const)
  const result = await program.run(Object.fromEntries(tensors))
  await program.release()
  return Object.fromEntries(Object.entries(result).map(([name, tensor]) => [name, tensor.data as Float32Array]))
}
