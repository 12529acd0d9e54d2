// One measured process of bench/gpuRun.mjs; prints lines of JSON. Arguments: what to do, and a request as JSON.
import { Graph } from '../dist/engine/graph.js'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { matmul } from '../dist/engine/ops.js'
import { noiseTrainer } from './noiseTrainer.mjs'

const tell = (line) => console.log(JSON.stringify(line))
const runtimeOn = (device) => createNodeRuntime({ device, ...(device === 'cpu' ? {} : { strictDevice: true }) })

/** Whether the adapter computes at all, and whether in half precision, by a product that is known. */
async function adapter() {
  const runtime = runtimeOn('webgpu')
  const product = async (half) => {
    const graph = new Graph()
    const x = graph.input('x', [4, 4])
    const [FLOAT, HALF] = [1, 10]
    const cast = (value, to) => graph.apply({ op: 'Cast', inputs: [value], shape: value.shape, attributes: { to } })
    const y = half ? cast(matmul(cast(x, HALF), cast(x, HALF)), FLOAT) : matmul(x, x)
    const program = await runtime.compile(graph, { y })
    const data = Float32Array.from({ length: 16 }, (_, i) => i % 5)
    const { data: found } = (await program.run({ x: data })).y
    for (let i = 0; i < 16; i++) {
      let wanted = 0
      for (let k = 0; k < 4; k++) wanted += data[4 * Math.floor(i / 4) + k] * data[4 * k + (i % 4)]
      if (found[i] !== wanted) throw new Error(`a product of small whole numbers gave ${found[i]}, not ${wanted}`)
    }
  }
  await product(false)
  tell({ works: true })
  try {
    await product(true)
    tell({ halfPrecision: true })
  } catch (error) {
    tell({ halfPrecision: false, reason: String(error.message).replace(/^.*Status Message: /s, '') })
  }
}

/**
 * The first `take` of a run's steps, or as many as `seconds` allow: a line for each as it is done, with its losses.
 */
async function steps({ device, seconds, take, ...request }) {
  const { trainer, compiles, openSeconds } = await noiseTrainer({ threads: 0, ...request }, runtimeOn(device))
  tell({ openSeconds })
  const start = performance.now()
  for (let i = 0; i < take && (performance.now() - start) / 1000 < seconds; i++) {
    const [before, began] = [compiles.length, performance.now()]
    const { losses } = await trainer.train()
    if (!Number.isFinite(losses.total)) throw new Error(`step ${i} has no finite loss`)
    tell({
      step: i,
      seconds: (performance.now() - began) / 1000,
      compileSeconds: compiles.slice(before).reduce((sum, s) => sum + s, 0),
      losses,
    })
  }
  await trainer.dispose()
}

const [what, request = '{}'] = process.argv.slice(2)
await { adapter, steps }[what](JSON.parse(request))
// Dawn's threads may keep a process that is done.
process.exit(0)
