import type { Graph, Value } from '../../src/engine/graph.js'
import type { Runtime } from '../../src/engine/runtime.js'

/** By input: numbers with their shape, or those that take the declared one. */
export type Arrays = Readonly<
  Record<string, Float32Array | { readonly shape: readonly number[]; readonly data: Float32Array }>
>

/** Compiles a graph, runs it once on float32 arrays and gives the outputs' values. */
export async function evaluate(
  runtime: Runtime,
  graph: Graph,
  outputs: Readonly<Record<string, Value>>,
  feeds: Arrays,
): Promise<Record<string, Float32Array>> {
  const program = await runtime.compile(graph, outputs)
  const fed = Object.entries(feeds).map(
    ([name, feed]) =>
      [name, feed instanceof Float32Array ? feed : new runtime.Tensor('float32', feed.data, feed.shape)] as const,
  )
  const result = await program.run(Object.fromEntries(fed))
  await program.release()
  return Object.fromEntries(Object.entries(result).map(([name, tensor]) => [name, tensor.data as Float32Array]))
}
