// Flow and masks of one clip, in a process of its own: see bench/flow.mjs.
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { estimateClipFlow } from '../dist/atlas/clipFlow.js'
import { foregroundMasks } from '../dist/atlas/foregroundMasks.js'
import { warpError } from '../dist/atlas/warpError.js'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { resolveSettings } from '../dist/options/resolveSettings.js'
import { openGuidance } from '../dist/run/buildTrainer.js'
import { bundledSource } from '../dist/models/node/bundled.js'
import { loadOutline, withOutline } from '../dist/models/outline.js'
import { findInFrames, lookAt, salientAtPoint } from '../dist/session/video/findInFrames.js'
import { mean } from './measure.mjs'

const { folder, region, frames: count, width, height, hints } = JSON.parse(process.argv[2])

/** The bytes of the images of a folder at the size asked for, in the order of their names. */
async function images(name, channels) {
  const files = (await readdir(path.join(folder, name))).sort().slice(0, count)
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

/** Wall and processor seconds of some work, with its result. */
async function timed(work) {
  const [start, before] = [performance.now(), process.cpuUsage()]
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  return { result, seconds: (performance.now() - start) / 1000, processorSeconds: (user + system) / 1e6 }
}

function overlap(mask, truth) {
  let [both, either] = [0, 0]
  mask.data.forEach((x, i) => {
    both += x > 0.5 && truth.data[i] > 0.5
    either += x > 0.5 || truth.data[i] > 0.5
  })
  return either === 0 ? 1 : both / either
}

/** The pixel of a mask nearest to its centre. */
function middle({ data }) {
  const inside = [...data.keys()].filter((i) => data[i] > 0.5).map((i) => ({ x: i % width, y: Math.floor(i / width) }))
  const [cx, cy] = [mean(inside.map(({ x }) => x)), mean(inside.map(({ y }) => y))]
  return inside.reduce((best, p) => (Math.hypot(p.x - cx, p.y - cy) < Math.hypot(best.x - cx, best.y - cy) ? p : best))
}

async function hintOf(kind, frames, truth, outline) {
  const quietly = { signal: new AbortController().signal, onProgress: () => undefined }
  if (kind === 'mask') return { kind: 'masks', masks: new Map([[0, truth[0]]]), look: lookAt(frames, outline) }
  if (kind === 'point') return await salientAtPoint(frames, { ...middle(truth[0]), frame: 0 }, outline, quietly)
  if (kind === 'motion') return { kind }
  const texts = kind === 'word' ? [region] : []
  const guidance =
    texts.length > 0
      ? await openGuidance(
          resolveSettings([{ region: texts }], () => 0),
          runtime,
        )
      : []
  const { hint } = await findInFrames(
    frames,
    { region: texts, prompts: [], truncate: false },
    { guidance, outline, runtime },
    quietly,
  )
  return hint
}

const runtime = createNodeRuntime({ device: 'cpu' })
const [colours, outlines] = await Promise.all([images('frames', 3), images('masks', 1)])
const frames = { width, height, pixels: colours }
const truth = outlines.map((bytes) => ({ width, height, channels: 1, data: Float32Array.from(bytes, (x) => x / 255) }))
const pairs = colours.length - 1
const { result: flow, ...flowTime } = await timed(() => estimateClipFlow(frames))
const valid = mean([...flow.forward, ...flow.backward].map((one) => mean([...one.valid])))

const outlineModel = await loadOutline(await bundledSource('outline'))
const found = []
for (const hint of hints) {
  const { result: masks, ...time } = await withOutline(outlineModel, runtime, async (outline) => {
    const given = await hintOf(hint, frames, truth, outline)
    return await timed(() => foregroundMasks({ frames, flow, hint: given }).catch((error) => error))
  })
  // A given mask is no result.
  const overlaps =
    masks instanceof Error ? [0] : masks.map((mask, t) => overlap(mask, truth[t])).slice(hint === 'mask' ? 1 : 0)
  if (process.env.TEXT2LIVE_BENCH_VERBOSE) console.error(hint, overlaps.map((x) => x.toFixed(2)).join(' '))
  found.push({
    hint,
    ...time,
    mean: mean(overlaps),
    least: Math.min(...overlaps),
    found: mean(overlaps.map((x) => (x > 0.5 ? 1 : 0))),
  })
}
console.log(
  JSON.stringify({
    frames: colours.length,
    pairSeconds: flowTime.seconds / pairs,
    pairProcessorSeconds: flowTime.processorSeconds / pairs,
    valid,
    warpError: warpError(frames, flow).mean,
    hints: found,
  }),
)
process.exit(0)
