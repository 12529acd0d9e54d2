// Wall time and peak memory of the command of `npm run demo`. See docs/benchmarks.md.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { count, digits, median, peakArguments, printTable, root, runProcess } from './measure.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '1' }, json: { type: 'boolean', default: false } },
})
const runs = count('runs', values.runs)
const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
if (!scripts.demo.startsWith('node '))
  throw new Error(`the demo script should start with "node ", it is: ${scripts.demo}`)
const quoted = (words) => words.map((word) => JSON.stringify(word)).join(' ')

const results = []
for (let run = 0; run < runs; run++) {
  const folder = await mkdtemp(join(tmpdir(), 'text2live-bench-'))
  try {
    const line = `${quoted([process.execPath, ...peakArguments])} ${scripts.demo.slice('node '.length)} ${quoted(['--out', join(folder, 'run'), ...positionals])}`
    const { status, seconds, stderr, peakBytes } = await runProcess(line, [], { shell: true })
    if (status !== 0) throw new Error(`the demo ended with status ${status}:\n${stderr}`)
    results.push({ seconds, peakGB: peakBytes / 1e9 })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (values.json)
  console.log(
    JSON.stringify({
      bench: 'demo',
      command: scripts.demo,
      runs: results,
      median: median(results.map(({ seconds }) => seconds)),
    }),
  )
else {
  console.log(`${scripts.demo} ${positionals.join(' ')}`.trimEnd(), '\n')
  printTable([
    ['run', 'wall time, s', 'peak GB'],
    ...results.map((result, index) => [index + 1, digits(result.seconds, 1), digits(result.peakGB)]),
  ])
}
