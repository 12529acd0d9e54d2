// One measured process of bench/step.mjs: trains as a run does and prints one line of JSON. Argument: the request as
// JSON.
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { noiseTrainer } from './noiseTrainer.mjs'

const { spinning = false, device = 'cpu', ...request } = JSON.parse(process.argv[2])
const { steps, threads } = request

const runtime = createNodeRuntime({ device, spinning, ...(threads > 0 ? { threads } : {}) })
const { trainer, compiles, openSeconds } = await noiseTrainer(request, runtime)

const measured = []
for (let i = 0; i <= steps; i++) {
  const before = compiles.length
  const start = performance.now()
  const cpu = process.cpuUsage()
  const { losses } = await trainer.train()
  const seconds = (performance.now() - start) / 1000
  if (!Number.isFinite(losses.total)) throw new Error(`step ${i + 1} has no finite loss`)
  const { user, system } = process.cpuUsage(cpu)
  const compiled = compiles.slice(before)
  measured.push({
    seconds,
    processorSeconds: (user + system) / 1e6,
    systemSeconds: system / 1e6,
    compileSeconds: compiled.reduce((sum, s) => sum + s, 0),
    compiles: compiled.length,
  })
}
await trainer.dispose()
// Step 0 is the one that the whole photo joins.
const [whole, ...examples] = measured
console.log(JSON.stringify({ openSeconds, whole, examples }))
