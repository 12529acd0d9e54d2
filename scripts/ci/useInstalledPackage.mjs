// Uses text2live as a stranger's project does. Run in an empty project that installed the package: node
// useInstalledPackage.mjs <photo>
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { Text2LiveError, editImage, imageOptions } from 'text2live'
import { Graph, createRuntime, gradients, ops } from 'text2live/core'

const photo = await readFile(process.argv[2])
const events = []
const run = editImage({ photo, prompt: 'golden teapot', preset: 'preview', steps: 2, views: 2, seed: 7, device: 'cpu' })
for await (const event of run) events.push(event)
const { files } = await run.result
assert.deepEqual(
  events.filter(({ type }) => type === 'step').map(({ step }) => step),
  [1, 2],
)
for (const name of ['composite', 'edit', 'alpha', 'layersPsd', 'layersOra'])
  assert.ok(files[name].byteLength > 100, `no ${name}`)

await assert.rejects(
  editImage({ photo, prompt: '' }).result,
  (error) => error instanceof Text2LiveError && error.code === 'PROMPT_EMPTY',
)
assert.ok('prompt' in imageOptions)

// The core on the ONNX Runtime that came with the package.
const runtime = createRuntime(await import('onnxruntime-node'), { device: 'cpu' })
const graph = new Graph()
const x = graph.input('x', [3])
const [gradient] = gradients(ops.reduceSum(ops.square(x)), [x])
const program = await runtime.compile(graph, { gradient })
const result = await program.run({ x: new runtime.Tensor('float32', [1, 2, 3], [3]) })
assert.deepEqual([...result.gradient.data], [2, 4, 6])
await program.release()
console.log(`the installed package: ${events.length} events, composite of ${files.composite.byteLength} bytes`)
