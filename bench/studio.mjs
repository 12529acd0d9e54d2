// How smoothly the studio paints: frames and tasks while a brush goes over a photo of 24 megapixels. See
// docs/benchmarks.md.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { build, preview } from 'vite'
import { count, digits, median, printTable, root } from './measure.mjs'

const { values } = parseArgs({
  options: {
    width: { type: 'string', default: '6000' },
    height: { type: 'string', default: '4000' },
    brush: { type: 'string', default: '400' },
    moves: { type: 'string', default: '400' },
    density: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const [width, height, brush, moves, density] = ['width', 'height', 'brush', 'moves', 'density'].map((name) =>
  count(name, values[name]),
)
const stage = { width: 1200, height: 800 }

const outDir = await mkdtemp(path.join(tmpdir(), 'text2live-bench-'))
const config = {
  root: path.join(root, 'test/studio/stage'),
  logLevel: 'error',
  configFile: false,
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  worker: { format: 'es' },
  build: { outDir, emptyOutDir: true, target: 'es2022' },
  preview: { host: '127.0.0.1', port: 0 },
}
await build(config)
const server = await preview(config)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
const results = []
try {
  const context = await browser.newContext({ viewport: stage, deviceScaleFactor: density })
  const tab = await context.newPage()
  await tab.goto(server.resolvedUrls.local[0])
  await tab.waitForFunction('globalThis.page')
  await tab.addStyleTag({ content: 'main { width: 100vw !important; height: 100vh !important }' })
  await tab.evaluate(showPhoto, { width, height, brush })
  // The smaller pictures of the photo are made in the first seconds.
  await tab.waitForTimeout(4000)

  results.push(await measured('a long stroke', tab, () => paint(tab, moves)))
  results.push(await measured('keeping the mask', tab, () => tab.evaluate(keep)))
  results.push(await measured('eraser over it', tab, () => paint(tab, moves, 'eraser')))
  await tab.evaluate(() => globalThis.page.model.zoomTo(1))
  results.push(await measured('a stroke at 1:1', tab, () => paint(tab, moves, 'brush')))
  results.push(await measured('undo and redo', tab, () => tab.evaluate(undoAndRedo)))
  await tab.evaluate(() => globalThis.page.model.fit())
  results.push(await measured('zoom and pan', tab, () => zoomAndPan(tab)))
  results.push(await measured('slider', tab, () => slide(tab)))
  for (const [name, operation] of Object.entries({ grow: 'grow', shrink: 'shrink', feather: 'feather' })) {
    results.push(await measured(`${name} by 40 px`, tab, () => tab.evaluate(work, operation)))
  }
  results.push(await measured('invert', tab, () => tab.evaluate(() => globalThis.page.model.mask.value.invert())))
} finally {
  await browser.close()
  await server.close()
  await rm(outDir, { recursive: true })
}

if (values.json) console.log(JSON.stringify({ bench: 'studio', width, height, brush, density, results }))
else {
  console.log(
    `painting on ${width}x${height} px, brush of ${brush} px, stage of ${stage.width}x${stage.height} at ${density}; milliseconds\n`,
  )
  printTable([
    ['', 'frames', 'median', 'p95', 'longest frame', 'longest task', 'its processor time', 'seconds'],
    ...results.map((r) => [
      r.name,
      r.frames,
      digits(r.median),
      digits(r.p95),
      digits(r.longest),
      digits(r.longestTask),
      digits(r.longestWork),
      digits(r.seconds),
    ]),
  ])
}

/** Frames as the page sees them, and tasks of its main thread as the browser's own trace has them. */
async function measured(name, tab, act) {
  await tab.evaluate(() => {
    const times = (globalThis.frameTimes = [])
    const frame = (time) => {
      times.push(time)
      globalThis.nextFrame = requestAnimationFrame(frame)
    }
    globalThis.nextFrame = requestAnimationFrame(frame)
  })
  await browser.startTracing(tab, { categories: ['toplevel', 'devtools.timeline', '__metadata'] })
  const start = performance.now()
  await act()
  const seconds = (performance.now() - start) / 1000
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString())
  const times = await tab.evaluate(() => {
    cancelAnimationFrame(globalThis.nextFrame)
    return globalThis.frameTimes
  })
  const lengths = times.slice(1).map((time, i) => time - times[i])
  const sorted = lengths.toSorted((a, b) => a - b)
  return {
    name,
    frames: lengths.length,
    median: median(lengths),
    p95: sorted[Math.floor(sorted.length * 0.95)],
    longest: sorted.at(-1),
    ...longestTask(traceEvents),
    seconds,
  }
}

/**
 * The longest task of a page's main thread, by the clock and by the time that the processor had for it; milliseconds.
 */
function longestTask(events) {
  const threads = events
    .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
    .map(({ pid, tid }) => `${pid}/${tid}`)
  const tasks = events.filter(
    ({ ph, name, pid, tid }) => ph === 'X' && /RunTask$/.test(name) && threads.includes(`${pid}/${tid}`),
  )
  if (tasks.length === 0) throw new Error('The trace has no task of a page: its categories or names have changed.')
  return {
    longestTask: Math.max(...tasks.map(({ dur }) => dur)) / 1000,
    // Where others use the processors too, a task's own time says what an idle machine would.
    longestWork: Math.max(...tasks.map(({ tdur }) => tdur)) / 1000,
  }
}

/** Runs in the page: a photo of noise, and an edit layer over all of it. */
async function showPhoto({ width, height, brush }) {
  const { model } = globalThis.page
  const draw = async (paint) => {
    const canvas = new OffscreenCanvas(width, height)
    paint(canvas.getContext('2d'))
    return await createImageBitmap(canvas)
  }
  const noise = new ImageData(512, 512)
  for (let i = 0; i < noise.data.length; i++) noise.data[i] = i % 4 === 3 ? 255 : (i * 7919) % 256
  const photo = await draw((context) => {
    for (let y = 0; y < height; y += 512) for (let x = 0; x < width; x += 512) context.putImageData(noise, x, y)
  })
  const layer = await draw((context) => {
    context.fillStyle = 'rgb(255 200 0 / 60%)'
    context.arc(width / 2, height / 2, height / 3, 0, 7)
    context.fill()
  })
  model.show(photo)
  model.layers.value = [{ picture: layer, opacity: 1, visible: true }]
  model.tool.value = 'brush'
  model.brush.value = { size: brush, hardness: 0.5, opacity: 0.8 }
}

/** A stroke in loops over the whole stage. */
async function paint(tab, moves, tool = 'brush') {
  await tab.evaluate((name) => (globalThis.page.model.tool.value = name), tool)
  const at = (part) => [
    stage.width * (0.5 + 0.42 * Math.sin(part * 17)),
    stage.height * (0.5 + 0.42 * Math.cos(part * 23)),
  ]
  await tab.mouse.move(...at(0))
  await tab.mouse.down()
  for (let i = 1; i <= moves; i++) await tab.mouse.move(...at(i / moves))
  await tab.mouse.up()
}

/** Runs in the page: writes the mask as the page does once nobody has painted for a while. */
async function keep() {
  const { model, writeMask } = globalThis.page
  await writeMask(model.mask.value)
}

/** Runs in the page. */
async function undoAndRedo() {
  const { mask } = globalThis.page.model
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
  for (let round = 0; round < 5; round++) {
    while (mask.value.undo()) await frame()
    while (mask.value.redo()) await frame()
  }
}

async function zoomAndPan(tab) {
  await tab.mouse.move(stage.width * 0.4, stage.height * 0.4)
  for (let i = 0; i < 40; i++) await tab.mouse.wheel(0, i % 20 < 10 ? -120 : 120)
  await tab.evaluate(() => (globalThis.page.model.tool.value = 'pan'))
  await tab.mouse.down()
  for (let i = 0; i < 60; i++) await tab.mouse.move(stage.width * (0.4 + 0.2 * Math.sin(i / 5)), stage.height * 0.4)
  await tab.mouse.up()
}

async function slide(tab) {
  await tab.evaluate(() => {
    globalThis.page.model.fit()
    globalThis.page.model.view.value = 'compare'
  })
  await tab.mouse.move(stage.width / 2, stage.height / 2)
  await tab.mouse.down()
  for (let i = 0; i < 100; i++) await tab.mouse.move(stage.width * (0.5 + 0.4 * Math.sin(i / 8)), stage.height / 2)
  await tab.mouse.up()
}

/** Runs in the page. */
async function work(operation) {
  return await globalThis.page.model.mask.value[operation](40)
}
