import type { Tensor } from 'onnxruntime-common'
import { Graph } from '../../engine/graph.js'
import type { Program, Runtime } from '../../engine/runtime.js'
import { type ImlpShape, imlp } from './imlp.js'
import type { NetworkWeights } from './atlasNetworks.js'

/** Points of one run: 32 MB a layer at width 256. */
const CHUNK = 32768

/** Evaluates one network at any number of points, a chunk at a time. */
export class NetworkEvaluator {
  #program: Promise<Program> | null = null
  readonly #feeds: Readonly<Record<string, Tensor>>
  readonly #runtime: Runtime
  readonly #shape: ImlpShape
  readonly #chunk: number

  constructor(runtime: Runtime, shape: ImlpShape, weights: NetworkWeights, chunk = CHUNK) {
    this.#runtime = runtime
    this.#shape = shape
    this.#chunk = chunk
    this.#feeds = Object.fromEntries(
      [...weights].map(([name, weight]) => [name, new runtime.Tensor('float32', weight.data, weight.shape)]),
    )
  }

  /**
   * @param count of points
   * @param write puts points `from` to `to` into `points` [to - from, inputs]
   * @returns [count, outputs] in (-1, 1)
   */
  async evaluate(
    count: number,
    write: (points: Float32Array, from: number, to: number) => void,
  ): Promise<Float32Array> {
    const { inputs, outputs } = this.#shape
    const program = await (this.#program ??= this.#compile())
    const results = new Float32Array(count * outputs)
    const points = new Float32Array(this.#chunk * inputs)
    for (let from = 0; from < count; from += this.#chunk) {
      const to = Math.min(from + this.#chunk, count)
      write(points, from, to)
      const { y } = await program.run({
        ...this.#feeds,
        points: new this.#runtime.Tensor('float32', points, [this.#chunk, inputs]),
      })
      results.set(((await y!.getData()) as Float32Array).subarray(0, (to - from) * outputs), from * outputs)
    }
    return results
  }

  async dispose(): Promise<void> {
    const program = this.#program
    this.#program = null
    await (await program)?.release()
  }

  async #compile(): Promise<Program> {
    const graph = new Graph()
    const points = graph.input('points', [this.#chunk, this.#shape.inputs])
    const parameters = new Map(Object.entries(this.#feeds).map(([name, { dims }]) => [name, graph.input(name, dims)]))
    return await this.#runtime.compile(graph, { y: imlp(points, parameters, this.#shape) })
  }
}
