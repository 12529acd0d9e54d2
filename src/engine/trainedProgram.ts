import type { Tensor } from 'onnxruntime-common'
import type { Text2LiveError } from '../errors.js'
import type { Graph, Shape, Value } from './graph.js'
import { ProgramCache } from './programCache.js'
import { type Feed, type Program, type Rows, type Runtime, tensorOf } from './runtime.js'
import type { Uploaded } from './transfer.js'

export type { Rows } from './runtime.js'

interface BuiltGraph {
  readonly graph: Graph
  readonly outputs: Readonly<Record<string, Value>>
  /** See `CompileOptions.given`. */
  readonly given?: Readonly<Record<string, Value>>
}

export type Outputs = Readonly<Record<string, Tensor>>

/** Bytes of lasting graphs held at once, besides `held`. */
const LASTING = 256 * 2 ** 20

/** Outputs of a graph that stay on the device for a following run. */
export type KeptOutputs = readonly string[] | 'all'

/**
 * Runs of one step or of one look at the state. What they leave on the device is freed when it ends, however it ends.
 */
export interface Pass {
  /** Runs a graph on `feeds`, the state and what is frozen, each by the name of its input. */
  run(program: Program, feeds: Readonly<Record<string, Feed>>): Promise<Outputs>
  /**
   * The numbers of an output.
   * @param names of its first entries
   * @throws what `fault` makes of the entries that are not finite, as in "total, sparsity are not a number or infinite"
   */
  finite(output: Tensor, names: readonly string[], fault: (found: string) => Text2LiveError): Promise<Float32Array>
  /** The values, wherever they lie; not to be changed. */
  values(fed: Feed): Promise<Float32Array>
  /** Frees early what nothing reads any more. */
  free(fed: Feed): void
  /** The outputs of `nextState` among these become the state, if the step ends well. */
  becomeState(outputs: Outputs): void
}

export interface TrainedProgramOptions<Name extends string> {
  readonly runtime: Runtime
  /** Parameters and the optimizer's state at the start, by the names of their inputs. */
  readonly state: Readonly<Record<Name, Rows>>
  /** Inputs that no step changes: copied to the device once. */
  readonly frozen?: Readonly<Record<string, Rows>>
  /** Bytes of compiled graphs held at once, see `ProgramCache`. */
  readonly held: number
  /** See `CompileOptions.keepMemory`. */
  readonly keepMemory?: boolean
  /** Default true. False for a small state that is read every few steps. */
  readonly stateOnDevice?: boolean
}

/**
 * What a training learns and carries from step to step, and the compiled graphs of its steps. A step reads the state
 * through inputs (`stateInputs`) and gives the next one as outputs (`nextState`); it is taken at the end of a step
 * whose numbers are finite. Steps are to follow one another.
 */
export class TrainedProgram<Name extends string> {
  readonly #programs: ProgramCache
  readonly #lasting = new ProgramCache(LASTING)
  readonly #names: readonly Name[]
  #state: Readonly<Record<Name, Tensor>>
  #frozen: Uploaded | null = null
  readonly #options: TrainedProgramOptions<Name>

  constructor(options: TrainedProgramOptions<Name>) {
    this.#options = options
    this.#names = Object.keys(options.state) as Name[]
    this.#state = this.#tensors(options.state)
    this.#programs = new ProgramCache(options.held)
  }

  /**
   * The compiled graph of `key`, built where it is not held.
   * @param kept outputs besides the state's that stay on the device for a following run
   * @param onCompile is told how many seconds building and compiling took
   * @param lasting it serves every step, whatever the sizes in it: no graph of one size takes its place
   */
  async program(
    key: string,
    build: () => BuiltGraph,
    kept: KeptOutputs = [],
    onCompile?: (seconds: number) => void,
    lasting = false,
  ): Promise<Program> {
    const { runtime, keepMemory = true, stateOnDevice = true } = this.#options
    return await (lasting ? this.#lasting : this.#programs).get(key, async () => {
      const start = performance.now()
      const { graph, outputs, given = {} } = build()
      const keepOnDevice = [
        ...(stateOnDevice ? this.#names.map(nextName) : []),
        ...(kept === 'all' ? Object.keys(outputs) : kept),
      ]
      const program = await runtime.compile(graph, outputs, { keepOnDevice, keepMemory, given })
      onCompile?.((performance.now() - start) / 1000)
      return program
    })
  }

  /** One step, or a look at the state. @throws what `work` throws, with the state as it was before */
  async pass<T>(work: (pass: Pass) => Promise<T>): Promise<T> {
    const { runtime, frozen = {} } = this.#options
    this.#frozen ??= await runtime.upload(this.#tensors(frozen))
    const fixed = this.#frozen.tensors
    const made = new Set<Tensor>()
    const next: Partial<Record<Name, Tensor>> = {}
    const pass: Pass = {
      run: async (program, feeds) => {
        const outputs = await program.run({ ...fixed, ...this.#state, ...feeds })
        for (const tensor of Object.values(outputs)) made.add(tensor)
        return outputs
      },
      finite: async (output, names, fault) => {
        const numbers = (await output.getData()) as Float32Array
        const found = Array.from(numbers, (x, i) => (Number.isFinite(x) ? [] : [names[i] ?? `entry ${i}`])).flat()
        if (found.length > 0)
          throw fault(`${found.join(', ')} ${found.length > 1 ? 'are' : 'is'} not a number or infinite`)
        return numbers
      },
      values: async (fed) => {
        if (fed instanceof Float32Array) return fed
        return fed.location === 'gpu-buffer' ? await runtime.download(fed) : ((await fed.getData()) as Float32Array)
      },
      free: (fed) => {
        if (fed instanceof Float32Array || !made.delete(fed)) return
        freeOnDevice(fed)
      },
      becomeState: (outputs) => {
        for (const name of this.#names) {
          const tensor = outputs[nextName(name)]
          if (tensor) next[name] = tensor
        }
      },
    }
    try {
      const result = await work(pass)
      for (const tensor of Object.values<Tensor>(next as Record<Name, Tensor>)) made.delete(tensor)
      this.#replace(next)
      return result
    } finally {
      made.forEach(freeOnDevice)
    }
  }

  /** Starts a part of the state anew. */
  restart(rows: Readonly<Partial<Record<Name, Rows>>>): void {
    this.#replace(this.#tensors(rows as Record<Name, Rows>))
  }

  /** Copies of the state. */
  async vectors(): Promise<Record<Name, Float32Array>> {
    const read = async (name: Name) => [name, await this.#options.runtime.download(this.#state[name])] as const
    return Object.fromEntries(await Promise.all(this.#names.map(read))) as Record<Name, Float32Array>
  }

  /** Frees what it holds; a second call does nothing. */
  async dispose(): Promise<void> {
    Object.values<Tensor>(this.#state).forEach(freeOnDevice)
    await this.#frozen?.release()
    this.#frozen = null
    await this.#programs.clear()
    await this.#lasting.clear()
  }

  #replace(next: Partial<Record<Name, Tensor>>): void {
    for (const name of this.#names) if (next[name]) freeOnDevice(this.#state[name])
    this.#state = { ...this.#state, ...next }
  }

  #tensors<Key extends string>(rows: Readonly<Record<Key, Rows>>): Record<Key, Tensor> {
    return Object.fromEntries(
      Object.entries<Rows>(rows).map(([name, given]) => [name, tensorOf(given, this.#options.runtime)]),
    ) as Record<Key, Tensor>
  }
}

/** The state as inputs of a step's graph. */
export function stateInputs<Name extends string>(
  graph: Graph,
  shapes: Readonly<Record<Name, Shape>>,
): Record<Name, Value> {
  return Object.fromEntries(
    Object.entries<Shape>(shapes).map(([name, shape]) => [name, graph.input(name, shape)]),
  ) as Record<Name, Value>
}

/** Outputs of a step's graph that become the state `name`: `newName`. */
export function nextState(values: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [nextName(name), value]))
}

function nextName(name: string): string {
  return `new${name[0]!.toUpperCase()}${name.slice(1)}`
}

/** Memory on a graphics processor is not collected with the tensor's object. */
function freeOnDevice(tensor: Tensor): void {
  if (tensor.location === 'gpu-buffer') tensor.dispose()
}
