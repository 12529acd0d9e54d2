// Rate of the matrix products that a step with ViT-B/32 is made of, in ONNX Runtime and, with --py, in PyTorch; and how
// long the products of one step of preset reference (16 views) take at that rate: no program whose products are float32
// can make the step faster on this machine. See docs/benchmarks.md.
import { parseArgs } from 'node:util'
import { Graph } from '../dist/engine/graph.js'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { gemm } from '../dist/engine/ops.js'
import { count, digits, printTable, runProcess } from './measure.mjs'

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    py: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const threads = count('threads', values.threads)

/** ViT-B/32: tokens of 16 square views, width of the stream and of the MLP, blocks, numbers in a patch. */
const [tokens, width, hidden, blocks, patch] = [16 * 50, 768, 3072, 12, 3 * 32 * 32]
const repeats = 20
const operations = 2 * tokens * width * hidden

async function ours() {
  const runtime = createNodeRuntime({ device: 'cpu', threads })
  const graph = new Graph()
  // Up and down by turns, as the MLP: x W1^T, then W2^T.
  const [up, down] = [graph.input('up', [hidden, width]), graph.input('down', [width, hidden])]
  let x = graph.input('x', [tokens, width])
  for (let i = 0; i < repeats / 2; i++) x = gemm(gemm(x, up, null, { transB: true }), down, null, { transB: true })
  const program = await runtime.compile(graph, { y: x })
  const filled = (...shape) =>
    new runtime.Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b)).fill(0.001), shape)
  const feeds = { x: filled(tokens, width), up: filled(hidden, width), down: filled(width, hidden) }
  const seconds = []
  for (let i = 0; i < 8; i++) {
    const start = performance.now()
    await program.run(feeds)
    seconds.push((performance.now() - start) / 1000)
  }
  return (repeats * operations) / Math.min(...seconds) / 1e9
}

async function theirs(python) {
  const script = `
import torch, time
torch.set_num_threads(${threads})
up, down, x = torch.full((${hidden}, ${width}), .001), torch.full((${width}, ${hidden}), .001), torch.full((${tokens}, ${width}), .001)
best = 1e9
for _ in range(8):
    start = time.time(); y = x
    for _ in range(${repeats / 2}): y = torch.nn.functional.linear(torch.nn.functional.linear(y, up), down)
    best = min(best, time.time() - start)
print(${repeats * operations} / best / 1e9)`
  const { status, stdout, stderr } = await runProcess(python, ['-c', script])
  if (status !== 0) throw new Error(`PyTorch failed: ${stderr}`)
  return Number(stdout)
}

/**
 * Multiplications of the image tower for 16 views, forward: per token four square products and the MLP, per patch the
 * embedding.
 */
const forward = blocks * tokens * (4 * width * width + 2 * width * hidden) + (tokens - 16) * patch * width
// Views of the composite twice, of the green screen, with the gradient of the pixels; of the photo without.
const step = 2 * forward * (3 * 2 + 1)

const rates = { 'ONNX Runtime': await ours(), ...(values.py ? { PyTorch: await theirs(values.py) } : {}) }
if (values.json) console.log(JSON.stringify({ bench: 'products', threads, gigaflops: rates, stepGigaflop: step / 1e9 }))
else {
  console.log(
    `float32, ${threads} threads; products of one step of preset reference with 16 views: ${(step / 1e9).toFixed(0)} GFLOP\n`,
  )
  printTable([
    ['engine', 'GFLOP/s', 'products of a step, s'],
    ...Object.entries(rates).map(([name, rate]) => [name, digits(rate, 0), digits(step / 1e9 / rate, 1)]),
  ])
}
