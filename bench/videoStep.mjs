// Time and peak memory of a training step on a layered atlas, each configuration in a process of its own. See
// docs/benchmarks.md.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { count, digits, mean, median, peakArguments, printTable, runForJson } from './measure.mjs'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    layer: { type: 'string', multiple: true },
    preset: { type: 'string', default: 'reference' },
    guidance: { type: 'string' },
    text2live: { type: 'string' },
    madgrad: { type: 'string' },
    py: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
})
const steps = count('steps', values.steps)
const threads = count('threads', values.threads)
const layers = values.layer ?? ['foreground', 'background']
const guidance = values.guidance ?? (values.preset === 'reference' ? 'clip' : 'starter')
if ((values.text2live === undefined) !== (values.madgrad === undefined))
  throw new RangeError('--text2live and --madgrad belong together')
const compare = values.text2live !== undefined

const stepProcess = fileURLToPath(new URL('./videoStepProcess.mjs', import.meta.url))
const publishedStep = fileURLToPath(new URL('../scripts/publishedVideoStep.py', import.meta.url))

async function ours(layer) {
  const request = { layer, preset: values.preset, guidance, steps, threads }
  const { result, peakBytes } = await runForJson(process.execPath, [
    ...peakArguments,
    stepProcess,
    JSON.stringify(request),
  ])
  return { ...result, peakBytes }
}

async function theirs(layer) {
  const { result } = await runForJson(values.py, [
    publishedStep,
    '--text2live',
    values.text2live,
    '--madgrad',
    values.madgrad,
    '--layer',
    layer,
    '--steps',
    String(steps + 1),
    '--threads',
    String(threads),
  ])
  // Its first step warms up.
  return { seconds: result.seconds.slice(1), peakBytes: result.peakBytes, torch: result.torch }
}

const results = []
for (const layer of layers) {
  const own = await ours(layer)
  const other = compare ? await theirs(layer) : null
  const full = own.steps.map(({ seconds }) => seconds)
  const steady = own.steps.map(({ seconds, compileSeconds }) => seconds - compileSeconds)
  const published = other && { torch: other.torch, median: median(other.seconds), peakGB: other.peakBytes / 1e9 }
  results.push({
    layer,
    preset: values.preset,
    guidance,
    threads,
    atlas: own.atlas,
    step: { median: median(steady), withCompile: median(full), mean: mean(full) },
    editSeconds: own.editSeconds,
    peakGB: own.peakBytes / 1e9,
    published,
    ...(published
      ? { ratio: { time: median(full) / published.median, memory: own.peakBytes / 1e9 / published.peakGB } }
      : {}),
  })
}

if (values.json) console.log(JSON.stringify({ bench: 'videoStep', results }))
else {
  console.log(`preset ${values.preset}, ${guidance}, frames 432x768, ${threads} threads, ${steps} steps; seconds\n`)
  printTable([
    ['layer', 'atlas', 'step: median', 'with compile', 'mean', 'edit', 'peak GB'],
    ...results.map((r) => [
      r.layer,
      r.atlas,
      digits(r.step.median),
      digits(r.step.withCompile),
      digits(r.step.mean),
      digits(r.editSeconds),
      digits(r.peakGB),
    ]),
  ])
  if (compare) {
    console.log(`\npublished code, PyTorch ${results[0].published.torch}, same atlas sizes\n`)
    printTable([
      ['layer', 'step: median', 'peak GB', 'time, ours with compile / theirs', 'memory'],
      ...results.map((r) => [
        r.layer,
        digits(r.published.median),
        digits(r.published.peakGB),
        digits(r.ratio.time, 3),
        digits(r.ratio.memory, 3),
      ]),
    ])
  }
}
