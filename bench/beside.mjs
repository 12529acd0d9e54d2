// A step alone and beside busy processes, with threads that spin while they wait and without. See docs/benchmarks.md.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { count, digits, median, printTable, runForJson } from './measure.mjs'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2' },
    steps: { type: 'string', default: '8' },
    busy: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
})
const [runs, steps, busy] = ['runs', 'steps', 'busy'].map((name) => count(name, values[name]))

const measured = async (spinning) => {
  const request = {
    guidance: 'starter',
    preset: 'preview',
    size: 192,
    views: 4,
    steps,
    threads: 0,
    bootstrap: true,
    spinning,
  }
  const {
    result: { examples },
  } = await runForJson(process.execPath, [
    fileURLToPath(new URL('./stepProcess.mjs', import.meta.url)),
    JSON.stringify(request),
  ])
  return examples.map(({ seconds, compileSeconds }) => seconds - compileSeconds)
}

const results = []
for (const beside of [0, busy]) {
  const others = Array.from({ length: beside }, () =>
    spawn(process.execPath, ['-e', 'for (;;) {}'], { stdio: 'ignore' }),
  )
  try {
    const each = { true: [], false: [] }
    // In turn, so that both see the same machine.
    for (let run = 0; run < runs; run++)
      for (const spinning of [true, false]) each[spinning].push(...(await measured(spinning)))
    results.push({ beside, spinning: median(each.true), waiting: median(each.false) })
  } finally {
    for (const other of others) other.kill()
  }
}

if (values.json) console.log(JSON.stringify({ bench: 'beside', steps, runs, results }))
else {
  console.log(`a step of preset preview, median of ${runs * steps}, seconds\n`)
  printTable([
    ['busy processes beside it', 'threads spin', 'threads sleep', 'ratio'],
    ...results.map(({ beside, spinning, waiting }) => [
      beside,
      digits(spinning),
      digits(waiting),
      digits(spinning / waiting),
    ]),
  ])
}
