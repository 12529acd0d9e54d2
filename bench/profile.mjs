// Where the time of a training step goes, by kind of node, as ONNX Runtime's own profiler tells it. See docs/benchmarks.md.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadOnnxRuntime } from '../dist/engine/node/loadOnnxRuntime.js'
import { createRuntime } from '../dist/engine/runtime.js'
import { count, digits, printTable } from './measure.mjs'
import { noiseTrainer } from './noiseTrainer.mjs'

const { values } = parseArgs({
  options: {
    starter: { type: 'boolean', default: false },
    size: { type: 'string', default: '256' },
    views: { type: 'string' },
    steps: { type: 'string', default: '2' },
    threads: { type: 'string', default: '2' },
    shapes: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const steps = count('steps', values.steps)
const threads = count('threads', values.threads)
const request = {
  guidance: values.starter ? 'starter' : 'clip',
  preset: values.starter ? 'fast' : 'reference',
  size: count('size', values.size),
  views: count('views', values.views ?? (values.starter ? '8' : '16')),
  steps,
  threads,
  bootstrap: values.starter,
}

const folder = mkdtempSync(join(tmpdir(), 'profile-'))
const sessions = []
const { InferenceSession, Tensor } = loadOnnxRuntime()
const profiled = {
  Tensor,
  InferenceSession: {
    create: async (bytes, options) => {
      const session = await InferenceSession.create(bytes, {
        ...options,
        enableProfiling: true,
        profileFilePrefix: join(folder, `session${sessions.length}`),
      })
      sessions.push(session)
      return session
    },
  },
}

const runtime = createRuntime(profiled, { device: 'cpu', threads })
const { trainer } = await noiseTrainer(request, runtime)
// Step 0, which the whole photo joins, warms up.
await trainer.train()
const first = sessions.length
let seconds = 0
for (let i = 0; i < steps; i++) {
  const start = performance.now()
  await trainer.train()
  seconds += (performance.now() - start) / 1000
}
await trainer.dispose()

/** What the profiler wrote of every node that ran, each run of it by itself. */
const runs = readdirSync(folder)
  .filter((name) => statSync(join(folder, name)).size > 0)
  .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
  .map(({ dur, args }) => ({
    op: args.op_name,
    seconds: dur / 1e6,
    inputs: shapes(args.input_type_shape),
    outputs: shapes(args.output_type_shape),
  }))
rmSync(folder, { recursive: true })

function shapes(list) {
  return list.flatMap((entry) => Object.values(entry))
}

const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1)

/** Operations of a product, a multiplication and an addition counted as two; 0 for what is none. */
function operations({ op, inputs, outputs }) {
  if (/Conv/.test(op)) return inputs.length < 2 ? 0 : 2 * sizeOf(outputs[0]) * sizeOf(inputs[1].slice(1))
  if (/MatMul|Gemm/.test(op)) {
    // Constant weights were laid out anew and are not told any more; they are the second factor, not transposed.
    if (inputs.length < 2) return 2 * sizeOf(outputs[0]) * inputs[0].at(-1)
    // [..., M, K] x [..., K, N], either transposed: M K N is the root of what the three hold together.
    const batch = sizeOf(outputs[0].slice(0, -2))
    const [a, b, y] = [inputs[0], inputs[1], outputs[0]].map((shape) => sizeOf(shape.slice(-2)))
    return 2 * batch * Math.sqrt(a * b * y)
  }
  return 0
}

const bytes = ({ inputs, outputs }) => 4 * [...inputs, ...outputs].reduce((sum, shape) => sum + sizeOf(shape), 0)

const groups = new Map()
for (const run of runs) {
  const key =
    values.shapes === run.op || values.shapes === 'all'
      ? `${run.op} ${run.inputs.map((s) => s.join('x')).join(' ')}`
      : run.op
  const group = groups.get(key) ?? { key, nodes: 0, seconds: 0, flop: 0, bytes: 0 }
  group.nodes += 1 / steps
  group.seconds += run.seconds / steps
  group.flop += operations(run) / steps
  group.bytes += bytes(run) / steps
  groups.set(key, group)
}
const all = [...groups.values()].sort((a, b) => b.seconds - a.seconds)
const total = all.reduce((sum, group) => sum + group.seconds, 0)
console.log(`a step ${digits(seconds / steps)} s, of it in nodes ${digits(total)} s`)
printTable([
  ['node', 'count', 's', 'share', 'GFLOP/s', 'GB/s'],
  ...all
    .filter(({ seconds }) => seconds > total / 500)
    .map((g) => [
      g.key,
      Math.round(g.nodes),
      digits(g.seconds, 3),
      digits(g.seconds / total, 3),
      g.flop > 0 ? digits(g.flop / g.seconds / 1e9, 0) : '',
      digits(g.bytes / g.seconds / 1e9, 1),
    ]),
])
const products = all.filter(({ flop }) => flop > 0)
console.log(
  'products',
  products.reduce((s, g) => s + g.seconds, 0),
  'GFLOP',
  products.reduce((s, g) => s + g.flop, 0) / 1e9,
)
