// One measured process of bench/step.mjs: trains as a run does and prints one line of JSON. Argument: the request as
// JSON.
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { randomStream } from '../dist/engine/random.js'
import { createTrainer } from '../dist/method/trainer.js'
import { bundledSource } from '../dist/models/node/bundled.js'
import { loadOutline } from '../dist/models/outline.js'
import { randomClip } from '../dist/models/randomClip.js'
import { resolveSettings } from '../dist/options/resolveSettings.js'
import { openGuidance } from '../dist/run/buildTrainer.js'

const { guidance: kind, preset, size, views, steps, threads, bootstrap, spinning = false } = JSON.parse(process.argv[2])

const settings = resolveSettings(
  [
    {
      preset,
      size,
      views,
      steps: steps + 1,
      threads,
      seed: 1,
      device: 'cpu',
      prompt: 'golden teapot',
      source: 'teapot',
      ...(bootstrap ? { region: 'teapot' } : {}),
    },
  ],
  () => 1,
)
const runtime = createNodeRuntime({ device: 'cpu', spinning, ...(threads > 0 ? { threads } : {}) })
const guidance =
  kind === 'starter'
    ? await openGuidance(settings, runtime)
    : [await randomClip({}, runtime, { positions: settings.positionEmbedding })]

const noise = randomStream(1, 'photo')
const photo = {
  width: size,
  height: size,
  channels: 3,
  data: Float32Array.from({ length: 3 * size * size }, () => Math.round(noise.uniform(0, 1) * 255) / 255),
}
const compiles = []
const opening = performance.now()
const trainer = await createTrainer({
  runtime,
  guidance,
  photo,
  settings,
  outline: await loadOutline(await bundledSource('outline')),
  texts: { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: settings.region },
  notice: (notice) => {
    if (notice.type === 'compile') compiles.push(notice.seconds)
  },
})
const openSeconds = (performance.now() - opening) / 1000

const measured = []
for (let i = 0; i <= steps; i++) {
  const before = compiles.length
  const start = performance.now()
  const { losses } = await trainer.train()
  const seconds = (performance.now() - start) / 1000
  if (!Number.isFinite(losses.total)) throw new Error(`step ${i + 1} has no finite loss`)
  const compiled = compiles.slice(before)
  measured.push({ seconds, compileSeconds: compiled.reduce((sum, s) => sum + s, 0), compiles: compiled.length })
}
await trainer.dispose()
// Step 0 is the one that the whole photo joins.
const [whole, ...examples] = measured
console.log(JSON.stringify({ openSeconds, whole, examples }))
