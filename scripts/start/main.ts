import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadStart } from '../../src/models/learnedStart.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { exportStart } from './exportStart.js'
import { trainStart } from './trainStart.js'

const {
  positionals: [command],
  values,
} = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string' },
    work: { type: 'string' },
    from: { type: 'string' },
    out: { type: 'string' },
    name: { type: 'string', default: 'start' },
    seed: { type: 'string', default: '7' },
    tasks: { type: 'string', default: '240' },
    steps: { type: 'string', default: '12' },
    workers: { type: 'string', default: String(Math.max(1, availableParallelism())) },
    rate: { type: 'string', default: '0.4,0.05' },
    'conditioned-rate': { type: 'string', default: '0.5' },
  },
})
const need = (name: 'pairs' | 'work' | 'out'): string => {
  const value = values[name]
  if (value === undefined) throw new Error(`Expected --${name} <folder>: see scripts/start/README.md`)
  return value
}
const checkpoint = join(need('work'), `${values.name}.safetensors`)

switch (command) {
  case 'train': {
    mkdirSync(need('work'), { recursive: true })
    const stop = new AbortController()
    // Ctrl-C ends after the tasks at hand; the same command goes on.
    process.once('SIGINT', () => stop.abort())
    const [first = 0.4, last = 0.05] = values.rate.split(',').map(Number)
    await trainStart({
      pairs: need('pairs'),
      checkpoint,
      from: values.from === undefined ? null : await loadStart(await folderSource(values.from)),
      seed: Number(values.seed),
      tasks: Number(values.tasks),
      steps: Number(values.steps),
      workers: Number(values.workers),
      rate: [first, last],
      conditionedRate: Number(values['conditioned-rate']),
      say: (line) => {
        process.stderr.write(`${line}\n`)
      },
      signal: stop.signal,
    })
    break
  }
  case 'export':
    await exportStart(checkpoint, Number(values.seed), need('out'))
    break
  default:
    throw new Error(`Expected a command (train, export), came ${command ?? 'none'}`)
}
