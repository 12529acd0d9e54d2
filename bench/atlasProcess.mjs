// One fit of the fast layered atlas, in a process of its own: see bench/atlas.mjs.
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { estimateClipFlow } from '../dist/atlas/clipFlow.js'
import { evaluateAtlas } from '../dist/atlas/evaluateAtlas.js'
import { fastSettings } from '../dist/atlas/fast/fastSettings.js'
import { openFitThread } from '../dist/atlas/fast/node/openFitThread.js'
import { fitEvidence } from '../dist/atlas/fast/fitEvidence.js'
import { fitFastAtlas } from '../dist/atlas/fast/fitFastAtlas.js'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'

const { folder, frames: count, width, height, threads } = JSON.parse(process.argv[2])

/** The bytes of every image of a folder at the size of the fit, in the order of their names. */
async function images(name, channels) {
  const files = (await readdir(path.join(folder, name))).sort()
  return Promise.all(
    files.map(async (file) => {
      const image = sharp(path.join(folder, name, file)).resize(width, height, { fit: 'fill' })
      const bytes = await (channels === 1 ? image.greyscale() : image.removeAlpha().toColourspace('srgb'))
        .raw()
        .toBuffer()
      return new Uint8Array(bytes.subarray(0, channels * width * height))
    }),
  )
}

const [colours, outlines] = await Promise.all([images('frames', 3), images('masks', 1)])
const last = colours.length - 1
// Played to and fro until there are enough frames.
const order = Array.from({ length: count ?? colours.length }, (_, k) =>
  Math.floor(k / last) % 2 === 0 ? k % last : last - (k % last),
)
const frames = { width, height, pixels: order.map((t) => colours[t]) }
const masksOf = () =>
  order.map((t) => ({ width, height, channels: 1, data: Float32Array.from(outlines[t], (x) => x / 255) }))
const seconds = (since) => (performance.now() - since) / 1000

/** As a run does: the flow and the masks end with this call. */
async function evidenceOf() {
  const startFlow = performance.now()
  const flow = await estimateClipFlow(frames)
  const flowSeconds = seconds(startFlow)
  const startEvidence = performance.now()
  const evidence = await fitEvidence({ frames, flow, masks: masksOf(), settings: fastSettings })
  return { evidence, flowSeconds, evidenceSeconds: seconds(startEvidence) }
}

const { evidence, flowSeconds, evidenceSeconds } = await evidenceOf()
const startFit = performance.now()
const before = process.cpuUsage()
// As a run shares it between threads (src/run/video/clipMachine.ts).
const each = threads >> 1
const atlas = await fitFastAtlas({
  frames,
  evidence,
  settings: fastSettings,
  runtime: createNodeRuntime({ device: 'cpu', threads: Math.max(each, 1) }),
  openPart: each === 0 ? undefined : (part, settings) => openFitThread(part, settings, { threads: each }),
})
const fitSeconds = evidenceSeconds + seconds(startFit)
const cpu = process.cpuUsage(before)
const peakBytes = process.resourceUsage().maxRSS * 1024
const quality = await evaluateAtlas(atlas, frames, {
  flow: await estimateClipFlow(frames),
  masks: new Map(masksOf().entries()),
})
const [foreground, background] = [await atlas.image('foreground'), await atlas.image('background')]
console.log(
  JSON.stringify({
    frames: order.length,
    flowSeconds,
    fitSeconds,
    peakBytes,
    processorSeconds: (cpu.user + cpu.system) / 1e6,
    meanPsnr: quality.meanPsnr,
    minPsnr: Math.min(...quality.psnr),
    flowConsistency: quality.flowConsistency,
    opacityIou: quality.opacityIou,
    foreground: [foreground.width, foreground.height],
    background: [background.width, background.height],
  }),
)
process.exit(0)
