// One measured process of bench/videoStep.mjs: trains as a run does on a clip that slides over its atlas, and prints
// one line of JSON. Argument: the request as JSON.
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { randomStream } from '../dist/engine/random.js'
import { createVideoTrainer } from '../dist/method/video/videoTrainer.js'
import { bundledSource } from '../dist/models/node/bundled.js'
import { layerTexts } from '../dist/method/video/layerTexts.js'
import { loadOutline } from '../dist/models/outline.js'
import { randomClip } from '../dist/models/randomClip.js'
import { resolveVideoSettings } from '../dist/options/resolveVideoSettings.js'
import { openGuidance } from '../dist/run/buildTrainer.js'

const { layer, preset, guidance: kind, steps, threads } = JSON.parse(process.argv[2])

// As a neural atlas of 2000 px holds frames of 768 x 432: 1600 atlas px across a frame. The same numbers stand in
// scripts/publishedVideoStep.py.
const [width, height, frames, density, slide] = [768, 432, 7, 1600 / 768, 6]
const inObject = (x, y, t) => Math.hypot((x - 384 - 2 * t) / 130, (y - 216) / 100) < 1
const noise = randomStream(1, 'atlas')
const picture = (w, h) => ({
  width: w,
  height: h,
  channels: 3,
  data: Float32Array.from({ length: 3 * w * h }, () => Math.round(noise.uniform(0, 1) * 255) / 255),
})
const across = Math.ceil((width + slide * (frames - 1)) * density)
const images = { foreground: picture(across, 900), background: picture(across, 900) }
const atlas = {
  frames,
  width,
  height,
  image: (name) => Promise.resolve(images[name]),
  mapping(_, t) {
    const data = new Float32Array(2 * width * height)
    for (let i = 0; i < width * height; i++) {
      data[i] = ((i % width) + slide * t) * density
      data[width * height + i] = Math.floor(i / width) * density
    }
    return Promise.resolve({ width, height, data })
  },
  opacity: (t) =>
    Promise.resolve({
      width,
      height,
      channels: 1,
      data: Float32Array.from({ length: width * height }, (_, i) =>
        inObject(i % width, Math.floor(i / width), t) ? 0.991 : 0.001,
      ),
    }),
}
const pixels = Array.from({ length: frames }, () =>
  Uint8Array.from({ length: 3 * width * height }, () => noise.integer(0, 256)),
)

const settings = resolveVideoSettings(
  [
    {
      preset,
      layer,
      steps: steps + 1,
      threads,
      seed: 1,
      device: 'cpu',
      prompt: 'golden swan',
      source: 'swan',
      ...(preset === 'reference' ? {} : { region: 'swan', backgroundRegion: 'lake' }),
    },
  ],
  () => 1,
)
const runtime = createNodeRuntime({ device: 'cpu', threads })
const guidance =
  kind === 'clip'
    ? [await randomClip({}, runtime, { positions: settings.positionEmbedding })]
    : await openGuidance({ ...settings, guidance: [kind] }, runtime)
const compiles = []
const trainer = await createVideoTrainer({
  runtime,
  guidance,
  atlas,
  frames: { width, height, pixels },
  layer,
  settings,
  texts: layerTexts(settings, layer),
  outline: await loadOutline(await bundledSource('outline')),
  notice: (notice) => {
    if (notice.type === 'compile') compiles.push(notice.seconds)
  },
})
const measured = []
for (let i = 0; i <= steps; i++) {
  const before = compiles.length
  const start = performance.now()
  const cpu = process.cpuUsage()
  const { losses } = await trainer.train()
  const seconds = (performance.now() - start) / 1000
  if (!Number.isFinite(losses.total)) throw new Error(`step ${i + 1} has no finite loss`)
  const { user, system } = process.cpuUsage(cpu)
  measured.push({
    seconds,
    cpuSeconds: (user + system) / 1e6,
    compileSeconds: compiles.slice(before).reduce((sum, s) => sum + s, 0),
  })
  if (process.env.TEXT2LIVE_BENCH_VERBOSE)
    console.error(i, measured.at(-1), (process.resourceUsage().maxRSS / 1e6).toFixed(2), 'GB')
}
const start = performance.now()
const edit = await trainer.edit()
const editSeconds = (performance.now() - start) / 1000
await trainer.dispose()
// The first step warms up.
console.log(JSON.stringify({ atlas: `${edit.width}x${edit.height}`, steps: measured.slice(1), editSeconds }))
