import { Graph, type Value } from '../../src/engine/graph.js'
import { gradients } from '../../src/engine/gradients.js'
import type { Runtime } from '../../src/engine/runtime.js'
import { applyOp } from './applyOp.js'
import { type Tolerance, findBitDifference, findMismatch } from './compare.js'
import type { OpCase, OpFixture } from './opFixture.js'

/** Elementary float32 arithmetic and short sums. */
const EXACT: Tolerance = { name: 'exact', absolute: 2e-6, relative: 2e-6 }
/** Transcendental functions, quotients and sums over a kernel or a row. */
const ROUNDED: Tolerance = { name: 'rounded', absolute: 2e-5, relative: 2e-5 }
/** GPU kernels: native sine, exponential and division, another order of sums. */
const GPU: Tolerance = { name: 'gpu', absolute: 1e-4, relative: 1e-4 }
/** Vulkan asks 2^-11 of sine and cosine, and a graphics processor gives no more. */
const TRIGONOMETRIC: Tolerance = { name: 'trigonometric', absolute: 1e-3, relative: 1e-3 }
/** Arguments whose size costs digits before the op begins (a mean far from zero). */
const CANCELLING: Tolerance = { name: 'cancelling', absolute: 1e-3, relative: 1e-3 }

const exactOps = new Set([
  'add',
  'sub',
  'mul',
  'minimum',
  'maximum',
  'neg',
  'abs',
  'square',
  'floor',
  'relu',
  'relu6',
  'leakyRelu',
  'clip',
  'reshape',
  'transpose',
  'slice',
  'flip',
  'dilate',
  'concat',
  'expand',
  'pad',
  'gather',
  'reduceMax',
  'reduceMin',
])

function toleranceOf({ op, note }: OpCase, runtime: Runtime): Tolerance {
  if (note?.includes('mean far from zero')) return CANCELLING
  if (exactOps.has(op)) return EXACT
  if (runtime.device === 'cpu') return ROUNDED
  return op === 'sin' || op === 'cos' ? TRIGONOMETRIC : GPU
}

/**
 * Runs one oracle case on a device, forward and every gradient, twice. Returns one line per mismatch (none: the case
 * holds); on the CPU the second run must give the first one's bits.
 */
export async function runOpCase(runtime: Runtime, fixture: OpFixture, op: OpCase): Promise<string[]> {
  const graph = new Graph()
  const inputs = op.inputs.map((name) => graph.input(name, fixture.tensor(name).shape))
  const output = applyOp(op, inputs)
  const wanted = fixture.tensor(op.cotangent)
  const cotangent = graph.input(op.cotangent, wanted.shape)
  const trained = inputs.filter((_, i) => op.gradients[i] !== null)
  const found = gradients(output, trained, cotangent)
  const names = op.gradients.filter((name) => name !== null)
  const outputs: Record<string, Value> = { [op.output]: output }
  names.forEach((name, i) => (outputs[name] = found[i]!))
  const program = await runtime.compile(graph, outputs)
  try {
    const feeds = Object.fromEntries(
      [...op.inputs, op.cotangent].map((name) => {
        const { data, shape } = fixture.tensor(name)
        return [name, new runtime.Tensor('float32', data, shape)]
      }),
    )
    const first = await program.run(feeds)
    const second = await program.run(feeds)
    const allowed = toleranceOf(op, runtime)
    return Object.keys(outputs).flatMap((name) => {
      const { data, shape } = fixture.tensor(name)
      const [got, again] = [first[name]!, second[name]!]
      const mismatch = findMismatch(got.data as Float32Array, got.dims, data, shape, allowed)
      const difference =
        runtime.device === 'cpu' ? findBitDifference(got.data as Float32Array, again.data as Float32Array) : null
      return [
        ...(mismatch ? [`${name}: ${mismatch}`] : []),
        ...(difference ? [`${name}: two runs differ at ${difference}`] : []),
      ]
    })
  } finally {
    await program.release()
  }
}
