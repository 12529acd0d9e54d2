// Where the time of a training step goes, by kind of node, as ONNX Runtime's own profiler tells it. See
// docs/benchmarks.md.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
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
    preset: { type: 'string' },
    precision: { type: 'string', default: 'float32' },
    size: { type: 'string', default: '256' },
    views: { type: 'string' },
    steps: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    shapes: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const steps = count('steps', values.steps)
const threads = count('threads', values.threads)
const request = {
  guidance: values.starter ? 'starter' : 'clip',
  preset: values.preset ?? (values.starter ? 'fast' : 'reference'),
  precision: values.precision,
  size: count('size', values.size),
  views: count('views', values.views ?? (values.starter ? '8' : '16')),
  steps,
  threads,
  bootstrap: values.starter,
}

const folder = mkdtempSync(join(tmpdir(), 'text2live-profile-'))
const { InferenceSession, Tensor } = loadOnnxRuntime()
let sessions = 0
/** ONNX Runtime with its profiler on: each session writes a file when it is released. */
const profiled = {
  Tensor,
  InferenceSession: {
    create: (bytes, options) =>
      InferenceSession.create(bytes, {
        ...options,
        enableProfiling: true,
        profileFilePrefix: join(folder, `session${sessions++}`),
      }),
  },
}

const { trainer } = await noiseTrainer(request, createRuntime(profiled, { device: 'cpu', threads, native: true }))
const start = performance.now()
for (let i = 0; i <= steps; i++) await trainer.train()
const seconds = (performance.now() - start) / 1000
await trainer.dispose()

const shapesOf = (list) => list.flatMap((entry) => Object.values(entry))
const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1)

/** Every run of every node. */
const runs = readdirSync(folder)
  .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
  .map(({ dur, args }) => ({
    op: args.op_name,
    seconds: dur / 1e6,
    inputs: shapesOf(args.input_type_shape),
    outputs: shapesOf(args.output_type_shape),
  }))
rmSync(folder, { recursive: true })

/**
 * Operations of a product, a multiplication and an addition counted as two; 0 for what is none. The profiler does not
 * tell constant weights that the kernel laid out anew: those of a product are known by its other shapes, those of a
 * convolution are not, and it counts as none.
 */
function operations({ op, inputs, outputs }) {
  if (op.includes('Conv')) return inputs.length < 2 ? 0 : 2 * sizeOf(outputs[0]) * sizeOf(inputs[1].slice(1))
  if (!/MatMul|Gemm/.test(op)) return 0
  if (inputs.length < 2) return 2 * sizeOf(outputs[0]) * inputs[0].at(-1)
  // [..., M, K] x [..., K, N], either transposed: M K N is the root of what the three hold together.
  const [a, b, y] = [inputs[0], inputs[1], outputs[0]].map((shape) => sizeOf(shape.slice(-2)))
  return 2 * sizeOf(outputs[0].slice(0, -2)) * Math.sqrt(a * b * y)
}

const bytes = ({ inputs, outputs }) => 4 * [...inputs, ...outputs].reduce((sum, shape) => sum + sizeOf(shape), 0)

const groups = new Map()
for (const run of runs) {
  const node = run.op === values.shapes ? `${run.op} ${run.inputs.map((shape) => shape.join('x')).join(' ')}` : run.op
  const group = groups.get(node) ?? { node, runs: 0, seconds: 0, flop: 0, bytes: 0 }
  group.runs += 1
  group.seconds += run.seconds
  group.flop += operations(run)
  group.bytes += bytes(run)
  groups.set(node, group)
}
const kinds = [...groups.values()].sort((a, b) => b.seconds - a.seconds)
const sum = (name, of = kinds) => of.reduce((total, kind) => total + kind[name], 0)
const products = kinds.filter(({ flop }) => flop > 0)
const result = {
  bench: 'profile',
  guidance: values.starter ? 'starter' : 'random ViT-B/32',
  preset: request.preset,
  size: request.size,
  views: request.views,
  threads,
  steps: steps + 1,
  seconds,
  nodeSeconds: sum('seconds'),
  productSeconds: sum('seconds', products),
  gflop: sum('flop', products) / 1e9,
  kinds,
}

if (values.json) console.log(JSON.stringify(result))
else {
  console.log(
    `${result.guidance}, preset ${result.preset} at ${result.size}, ${result.views} views, ${threads} threads: ${result.steps} steps with the opening, step 0 of ${
      values.starter ? 'the whole photo' : 'two pictures'
    }\n${digits(seconds)} s, of it in nodes ${digits(result.nodeSeconds)} s, of it products ${digits(result.productSeconds)} s: ${digits(
      result.gflop / result.productSeconds,
      0,
    )} GFLOP/s\n`,
  )
  printTable([
    ['node', 'runs', 's', 'share', 'GFLOP/s', 'GB/s'],
    ...kinds
      .filter((kind) => kind.seconds > result.nodeSeconds / 500)
      .map((kind) => [
        kind.node,
        kind.runs,
        digits(kind.seconds),
        digits(kind.seconds / result.nodeSeconds, 3),
        kind.flop > 0 ? digits(kind.flop / kind.seconds / 1e9, 0) : '-',
        digits(kind.bytes / kind.seconds / 1e9, 1),
      ]),
  ])
}
