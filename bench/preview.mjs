// From the start of the command to the first preview, and to the end. See docs/benchmarks.md.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { command, count, digits, median, peakArguments, printTable, runProcess } from './measure.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
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
  'preview',
  '--json',
]

const results = []
for (let run = 0; run < runs; run++) {
  const folder = await mkdtemp(join(tmpdir(), 'text2live-bench-'))
  const start = performance.now()
  let firstPreview = null
  const onLine = (line) => {
    if (firstPreview === null && JSON.parse(line).type === 'preview') firstPreview = (performance.now() - start) / 1000
  }
  try {
    const { status, seconds, stderr, peakBytes } = await runProcess(
      process.execPath,
      [...peakArguments, command, ...edit, '--out', join(folder, 'run'), ...positionals],
      { onLine },
    )
    if (status !== 0 || firstPreview === null)
      throw new Error(`the command ended with status ${status}, preview ${firstPreview}:\n${stderr}`)
    results.push({ firstPreview, seconds, peakGB: peakBytes / 1e9 })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const of = (key) => results.map((result) => result[key])
const summary = {
  firstPreview: {
    median: median(of('firstPreview')),
    min: Math.min(...of('firstPreview')),
    max: Math.max(...of('firstPreview')),
  },
  seconds: { median: median(of('seconds')) },
  peakGB: Math.max(...of('peakGB')),
}
if (values.json) console.log(JSON.stringify({ bench: 'preview', runs: results, ...summary }))
else {
  console.log(`text2live ${edit.join(' ')} ${positionals.join(' ')}`.trimEnd(), '\n')
  printTable([
    ['run', 'first preview, s', 'end, s', 'peak GB'],
    ...results.map((result, index) => [
      index + 1,
      digits(result.firstPreview),
      digits(result.seconds),
      digits(result.peakGB),
    ]),
    ['median', digits(summary.firstPreview.median), digits(summary.seconds.median), digits(summary.peakGB)],
  ])
}
