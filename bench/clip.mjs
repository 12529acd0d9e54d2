// From the start of the command to the first step with ViT-B/32 from a folder, and memory. See docs/benchmarks.md.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { command, count, digits, median, peakArguments, printTable, runProcess } from './measure.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    preset: { type: 'string', default: 'fast' },
    json: { type: 'boolean', default: false },
  },
})
const runs = count('runs', values.runs)
const edit = [
  'image',
  'examples/teapot.jpg',
  'golden teapot',
  '--source',
  'teapot',
  '--region',
  'teapot',
  '--preset',
  values.preset,
  '--steps',
  '2',
]

const folder = await mkdtemp(join(tmpdir(), 'text2live-bench-'))
const results = []
try {
  const model = join(folder, 'vit-b-32')
  // In a process of its own: on Linux the peak of a child begins at what its parent holds.
  const writer = await runProcess(process.execPath, [fileURLToPath(new URL('./writeClip.mjs', import.meta.url)), model])
  if (writer.status !== 0) throw new Error(`writing the model failed:\n${writer.stderr}`)
  for (let run = 0; run < runs; run++) results.push(await measured(model, join(folder, `run-${run}`)))
} finally {
  await rm(folder, { recursive: true, force: true })
}

const of = (key) => results.map((result) => result[key])
const summary = {
  firstStep: median(of('firstStep')),
  firstMemoryGB: Math.max(...of('firstMemoryGB')),
  peakGB: Math.max(...of('peakGB')),
}
if (values.json) console.log(JSON.stringify({ bench: 'clip', runs: results, ...summary }))
else {
  console.log(
    `text2live ${edit.join(' ')} --guidance <ViT-B/32, random weights> ${positionals.join(' ')}`.trimEnd(),
    '\n',
  )
  printTable([
    ['run', 'model from, s', 'first graph compiled, s', 'first step done, s', 'GB then', 'peak GB'],
    ...results.map((result, index) => [
      index + 1,
      ...['loading', 'compiled', 'firstStep', 'firstMemoryGB', 'peakGB'].map((key) => digits(result[key])),
    ]),
    ['median, largest', '', '', digits(summary.firstStep), digits(summary.firstMemoryGB), digits(summary.peakGB)],
  ])
}

/** Seconds from the start of the command to each event, and memory. */
async function measured(model, out) {
  const start = performance.now()
  const first = {}
  const onLine = (line) => {
    const event = JSON.parse(line)
    first[event.type] ??= { seconds: (performance.now() - start) / 1000, event }
  }
  const args = [...peakArguments, command, ...edit, '--guidance', model, '--json', '--out', out, ...positionals]
  const { status, stderr, peakBytes } = await runProcess(process.execPath, args, { onLine })
  if (status !== 0 || !first.step) throw new Error(`the command ended with status ${status}:\n${stderr}`)
  return {
    loading: first['model-loading'].seconds,
    compiled: first.compile.seconds,
    firstStep: first.step.seconds,
    firstMemoryGB: first.step.event.memory / 1e9,
    peakGB: peakBytes / 1e9,
  }
}
