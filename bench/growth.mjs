// How time and memory grow with size, views, models and frames, each point in a process of its own. See
// docs/benchmarks.md.
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { growthSvg } from './growthSvg.mjs'
import { command, count, digits, peakArguments, printTable, root, runForJson, runProcess } from './measure.mjs'
import { descendants, read } from './watchMemory.mjs'

/** Seconds below which a ratio is the counter's grain. */
const leastShown = 0.05
/** Of the times in /proc: what Linux tells programs whatever its kernel counts with. */
const ticksPerSecond = 100

/** A step as a run makes it, but that every example is the whole photo: it has as many pixels as its row says. */
const wholePhoto = { cropsMinCover: 1, scaleMin: 1, scaleMax: 1 }
const fast = { guidance: 'starter', preset: 'fast', size: 256, views: 8, bootstrap: true, options: wholePhoto }
const reference = { guidance: 'clip', preset: 'reference', views: 16, bootstrap: false, options: wholePhoto }

/** `points` are what grows; `input` is its measure, in which the exponents are. */
const series = {
  size: {
    title: 'size, fast',
    axis: 'size',
    line: 'fast',
    unit: 'side, px',
    points: [192, 256, 384, 512, 768, 1024],
    input: (side) => side * side,
    measure: (size) => photoStep({ ...fast, size }),
  },
  reference: {
    title: 'size, reference',
    axis: 'size',
    line: 'reference',
    unit: 'side, px',
    points: [192, 256, 384, 512, 768, 1024],
    input: (side) => side * side,
    measure: (size) => photoStep({ ...reference, size }),
  },
  views: {
    title: 'views, fast',
    axis: 'views',
    line: 'fast',
    unit: 'views',
    points: [4, 8, 16, 32, 64],
    input: (views) => views,
    measure: (views) => photoStep({ ...fast, views }),
  },
  models: {
    title: 'models, fast',
    axis: 'models',
    line: 'fast',
    unit: 'models',
    points: [1, 2, 3],
    input: (models) => models,
    measure: (models) => photoStep({ ...fast, models }),
  },
  frames: {
    title: 'frames, fast',
    axis: 'frames',
    line: 'whole run',
    unit: 'frames',
    points: [10, 25, 50, 100, 200],
    input: (frames) => frames,
    measure: clipRun,
  },
}

const { values } = parseArgs({
  options: {
    series: { type: 'string', multiple: true },
    points: { type: 'string' },
    steps: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    'clip-size': { type: 'string', default: '144' },
    save: { type: 'string' },
    draw: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const [steps, threads, clipSize] = ['steps', 'threads', 'clip-size'].map((name) => count(name, values[name]))
// What is only to be drawn, or printed again, is not measured.
const names = values.series ?? (values.draw !== undefined && values.save !== undefined ? [] : Object.keys(series))
for (const name of names)
  if (!(name in series))
    throw new RangeError(`--series must be one of ${Object.keys(series).join(', ')}, it is "${name}"`)
const only = values.points?.split(',').map((text) => count('points', text))

/** The least seconds of a step, by the clock, of the processor, and of these the system's; the peak of the process. */
async function photoStep(request) {
  const { result, peakBytes } = await runForJson(process.execPath, [
    ...peakArguments,
    fileURLToPath(new URL('./stepProcess.mjs', import.meta.url)),
    JSON.stringify({ ...request, steps, threads }),
  ])
  // Step 0 has compiled the one graph of all.
  if (result.examples.some(({ compiles }) => compiles > 0)) throw new Error('a step was to be compiled once')
  const least = (key) => Math.min(...result.examples.map((step) => step[key]))
  return {
    clock: { step: least('seconds') },
    processor: { step: least('processorSeconds') },
    systemSeconds: least('systemSeconds'),
    peakGB: peakBytes / 1e9,
  }
}

/** A clip's run, stage by stage: the clip of the examples played to and fro, small, until it has so many frames. */
async function clipRun(frames) {
  const folder = await mkdtemp(join(tmpdir(), 'text2live-growth-'))
  try {
    await writeFrames(join(folder, 'clip'), frames)
    const clock = {}
    const processor = {}
    let before = 0
    const onLine = (line, child) => {
      const event = JSON.parse(line)
      if (event.type === 'stage-start') before = processorSeconds(child.pid)
      if (event.type !== 'stage-done') return
      clock[event.stage] = (clock[event.stage] ?? 0) + event.seconds
      processor[event.stage] = (processor[event.stage] ?? 0) + processorSeconds(child.pid) - before
    }
    const { status, stderr, peakBytes } = await runProcess(
      process.execPath,
      [
        ...peakArguments,
        command,
        'video',
        join(folder, 'clip'),
        'red swan',
        ...['--source', 'swan', '--region', 'swan', '--object', join(folder, 'mask.png')],
        ...['--size', '0', '--steps', String(steps), '--threads', String(threads), '--device', 'cpu', '--seed', '1'],
        ...['--json', '--out', join(folder, 'run')],
      ],
      { onLine },
    )
    if (status !== 0 || clock.rendering === undefined)
      throw new Error(`a clip of ${frames} frames ended with ${status}:\n${stderr}`)
    return { clock, processor, peakGB: peakBytes / 1e9 }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a process and those it made (a run is in one) have computed so far, in all their threads (Linux). */
function processorSeconds(pid) {
  // A process that ends meanwhile is counted twice rather than not at all: the one that made it is told of it.
  const made = descendants(pid).reduce((sum, each) => sum + times(each), 0)
  return made + times(pid)
}

/** Seconds of a process with those that it made and that have ended; none of a process that is gone. */
function times(pid) {
  // Behind the name in brackets, which may hold anything: state is the third field, utime and stime the 14th and 15th,
  // those of the ended the 16th and 17th.
  const ticks = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(11, 15)
    .map(Number)
  return ticks.reduce((sum, some) => sum + some, 0) / ticksPerSecond
}

async function writeFrames(folder, frames) {
  const { readClip } = await import('../dist/media/node/readClip.js')
  const clip = await readClip(join(root, 'examples/swan.mp4'), { size: clipSize })
  const { width, height, pixels } = clip.frames
  await mkdir(folder)
  const last = pixels.length - 1
  for (let k = 0; k < frames; k++) {
    const t = Math.floor(k / last) % 2 === 0 ? k % last : last - (k % last)
    const name = `${String(k).padStart(5, '0')}.png`
    await sharp(pixels[t], { raw: { width, height, channels: 3 } }).toFile(join(folder, name))
  }
  // The object in the first frame, as the example's command names it.
  await sharp(join(root, 'examples/swan-mask.png'))
    .resize(width, height, { fit: 'fill' })
    .toFile(join(folder, '..', 'mask.png'))
}

/** How the second of two points grew over the first: the exponent of the input that would do the same. */
const exponent = (from, to, of) =>
  from === undefined || of(from) < leastShown
    ? undefined
    : Math.log(of(to) / of(from)) / Math.log(to.input / from.input)

/** Where there is one part, its seconds by the clock too; the exponents are those of the processor's seconds. */
function tableOf(name, points) {
  const parts = Object.keys(points[0].processor)
  const clock = parts.length === 1
  return [
    [
      series[name].unit,
      ...parts.flatMap((part) => [
        ...(clock ? [`${part}, s`, 'processor, s'] : [`${part}, s`]),
        'exponent',
        ...(clock ? ["of it the system's"] : []),
      ]),
      'peak GB',
      'exponent',
    ],
    ...points.map((point, i) => [
      point.point,
      ...parts.flatMap((part) => [
        ...(clock ? [digits(point.clock[part])] : []),
        digits(point.processor[part]),
        digits(exponent(points[i - 1], point, ({ processor }) => processor[part])),
        ...(clock ? [digits(point.systemSeconds)] : []),
      ]),
      digits(point.peakGB),
      digits(exponent(points[i - 1], point, ({ peakGB }) => peakGB)),
    ]),
  ]
}

const measured =
  values.save !== undefined && existsSync(values.save) ? JSON.parse(await readFile(values.save, 'utf8')) : {}
for (const name of names) {
  const { points, input, measure } = series[name]
  for (const point of only ?? points) {
    const result = { point, input: input(point), ...(await measure(point)) }
    measured[name] = [...(measured[name] ?? []).filter((other) => other.point !== point), result].sort(
      (a, b) => a.point - b.point,
    )
    if (!values.json) console.error(`${name} ${point}: ${JSON.stringify(result)}`)
    // Kept after every point: a long measurement that is cut goes on where it was.
    if (values.save !== undefined) await writeFile(values.save, `${JSON.stringify(measured, null, 1)}\n`)
  }
}
if (values.draw !== undefined) {
  await writeFile(
    values.draw,
    growthSvg(Object.entries(measured).map(([name, points]) => ({ ...series[name], points }))),
  )
}
if (values.json) console.log(JSON.stringify({ bench: 'growth', measured }))
else
  for (const [name, points] of Object.entries(measured)) {
    console.log(`\n${series[name].title}, ${threads} threads\n`)
    printTable(tableOf(name, points))
  }
