// Time and peak memory of a training step, each configuration in a process of its own. See docs/benchmarks.md.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { geometries } from './geometries.mjs'
import { count, digits, mean, median, peakArguments, printTable, runForJson } from './measure.mjs'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    size: { type: 'string', multiple: true },
    views: { type: 'string' },
    bootstrap: { type: 'boolean', default: false },
    starter: { type: 'boolean', default: false },
    precision: { type: 'string', default: 'float32' },
    model: { type: 'string', default: 'b32' },
    text2live: { type: 'string' },
    madgrad: { type: 'string' },
    py: { type: 'string', default: 'python3' },
    'published-step': { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const steps = count('steps', values.steps)
const rounds = count('rounds', values.rounds)
const threads = count('threads', values.threads)
const sizes = (values.size ?? (values.starter ? ['256'] : ['256', '512'])).map((size) => count('size', size))
const views = count('views', values.views ?? (values.starter ? '8' : '16'))
const published = [values.text2live, values.madgrad, values['published-step']]
const compare = published.some((path) => path !== undefined)
if (compare && published.includes(undefined))
  throw new RangeError('--text2live, --madgrad and --published-step belong together')
if (compare && values.starter) throw new RangeError('the published code runs CLIP ViT-B/32 only: leave out --starter')

const geometry = geometries[values.model]
if (!geometry) throw new RangeError(`--model is one of ${Object.keys(geometries).join(', ')}, not ${values.model}`)
if (values.model !== 'b32' && (compare || values.starter))
  throw new RangeError('--model is ours alone: the published code runs ViT-B/32, and --starter the starter')

if (values.precision !== 'float32' && values.starter)
  throw new RangeError('--precision int8 is for CLIP: leave out --starter')

const stepProcess = fileURLToPath(new URL('./stepProcess.mjs', import.meta.url))

async function ours(size) {
  // The starter is measured as it is used: with a region, whose map holds the edit to the object.
  const request = {
    guidance: values.starter ? 'starter' : 'clip',
    geometry: geometry.config,
    preset: values.starter ? 'fast' : 'reference',
    size,
    views,
    steps,
    threads,
    bootstrap: values.starter || values.bootstrap,
    precision: values.precision,
  }
  const { result, peakBytes } = await runForJson(process.execPath, [
    ...peakArguments,
    stepProcess,
    JSON.stringify(request),
  ])
  return { ...result, peakBytes }
}

async function theirs(size) {
  const [text2live, madgrad, script] = published
  const { result } = await runForJson(values.py, [
    script,
    '--text2live',
    text2live,
    '--madgrad',
    madgrad,
    '--size',
    String(size),
    '--views',
    String(views),
    '--steps',
    String(steps + 1),
    '--threads',
    String(threads),
    ...(values.bootstrap ? ['--bootstrap'] : []),
    '--json',
  ])
  // Its first step warms up; its gigabytes are millions of kilobytes of 1024.
  return { seconds: result.seconds.slice(1), peakBytes: result.peak_rss_gb * 1.024e9, torch: result.torch }
}

function summary(size, own, other) {
  const steady = own.flatMap(({ examples }) => examples.map(({ seconds, compileSeconds }) => seconds - compileSeconds))
  const full = own.flatMap(({ examples }) => examples.map(({ seconds }) => seconds))
  const compiled = own.flatMap(({ examples }) =>
    examples.filter(({ compiles }) => compiles > 0).map(({ compileSeconds }) => compileSeconds),
  )
  const seconds = {
    withoutCompile: { median: median(steady), min: Math.min(...steady) },
    withCompile: { median: median(full), min: Math.min(...full), mean: mean(full) },
    compile: compiled.length === 0 ? null : { median: median(compiled), steps: compiled.length, ofSteps: full.length },
    wholePhotoStep: {
      withoutCompile: median(own.map(({ whole }) => whole.seconds - whole.compileSeconds)),
      withCompile: median(own.map(({ whole }) => whole.seconds)),
    },
    open: median(own.map(({ openSeconds }) => openSeconds)),
  }
  const theirSeconds = other.flatMap((run) => run.seconds)
  const theirMedian = theirSeconds.length === 0 ? null : median(theirSeconds)
  return {
    size,
    views,
    threads,
    rounds,
    guidance: values.starter
      ? 'starter'
      : `${geometry.name}${values.precision === 'float32' ? '' : `, ${values.precision}`}`,
    preset: values.starter ? 'fast' : 'reference',
    bootstrap: values.starter || values.bootstrap,
    seconds,
    peakGB: Math.max(...own.map(({ peakBytes }) => peakBytes)) / 1e9,
    published:
      theirMedian === null
        ? null
        : {
            torch: other[0].torch,
            median: theirMedian,
            min: Math.min(...theirSeconds),
            peakGB: Math.max(...other.map(({ peakBytes }) => peakBytes)) / 1e9,
            ratio: {
              withoutCompile: seconds.withoutCompile.median / theirMedian,
              withCompile: seconds.withCompile.median / theirMedian,
            },
          },
  }
}

const results = []
for (const size of sizes) {
  const [own, other] = [[], []]
  for (let round = 0; round < rounds; round++) {
    own.push(await ours(size))
    if (compare) other.push(await theirs(size))
  }
  results.push(summary(size, own, other))
}

if (values.json) console.log(JSON.stringify({ bench: 'step', results }))
else {
  const [{ guidance, preset, bootstrap }] = results
  console.log(
    `${guidance}, preset ${preset}, ${views} views, bootstrap ${bootstrap ? 'on' : 'off'}, ${threads} threads, ${steps * rounds} steps; seconds\n`,
  )
  printTable([
    [
      'size',
      'step: median',
      'min',
      'with compile: median',
      'mean',
      'compile',
      'whole-photo step',
      'with compile',
      'opening',
      'peak GB',
    ],
    ...results.map(({ size, seconds: s, peakGB }) => [
      size,
      digits(s.withoutCompile.median),
      digits(s.withoutCompile.min),
      digits(s.withCompile.median),
      digits(s.withCompile.mean),
      digits(s.compile?.median),
      digits(s.wholePhotoStep.withoutCompile),
      digits(s.wholePhotoStep.withCompile),
      digits(s.open),
      digits(peakGB),
    ]),
  ])
  if (compare) {
    console.log(
      `\npublished code, PyTorch ${results[0].published.torch}, in turn with ours; without the whole-photo step\n`,
    )
    printTable([
      ['size', 'step: median', 'min', 'peak GB', 'ours / theirs', 'with compile'],
      ...results.map(({ size, published: p }) => [
        size,
        digits(p.median),
        digits(p.min),
        digits(p.peakGB),
        digits(p.ratio.withoutCompile, 3),
        digits(p.ratio.withCompile, 3),
      ]),
    ])
  }
}
