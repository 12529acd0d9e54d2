// One measured process of bench/neuralAtlas.mjs: steps of the neural fit at the published size, and one line of JSON.
// Argument: the request as JSON.
import { NeuralFitter } from '../dist/atlas/neural/neuralFitter.js'
import { publishedNeuralSettings } from '../dist/atlas/neural/neuralSettings.js'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { randomStream } from '../dist/engine/random.js'

const { width, height, frames, steps, threads, device, pretraining } = JSON.parse(process.argv[2])
const size = width * height
const noise = randomStream(1, 'clip')
const flow = () => ({
  data: Int16Array.from({ length: 2 * size }, () => noise.integer(-128, 128)),
  valid: new Uint8Array(size).fill(1),
})
const input = {
  frames: {
    width,
    height,
    pixels: Array.from({ length: frames }, () => Uint8Array.from({ length: 3 * size }, () => noise.integer(0, 256))),
  },
  flow: {
    width,
    height,
    forward: Array.from({ length: frames - 1 }, flow),
    backward: Array.from({ length: frames - 1 }, flow),
  },
  masks: Array.from({ length: frames }, () => ({ width, height, channels: 1, data: new Float32Array(size).fill(0.5) })),
}
// The step that most of a fit consists of: without global rigidity, which ends after 5,000 of 400,000.
const fitter = new NeuralFitter({
  runtime: createNodeRuntime({ device, threads }),
  input,
  settings: publishedNeuralSettings,
  seed: 1,
})
const measured = []
for (let i = 0; i <= steps; i++) {
  const [start, before] = [performance.now(), process.cpuUsage()]
  const { total } = pretraining ? await fitter.pretrain(i) : await fitter.fit(20_000 + i)
  const { user, system } = process.cpuUsage(before)
  if (!Number.isFinite(total)) throw new Error(`step ${i} has no finite loss`)
  measured.push({ seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 })
}
await fitter.dispose()
// The first step compiles the graph.
console.log(JSON.stringify({ first: measured[0], steps: measured.slice(1) }))
