// Time and peak memory of a step of the neural fit, and of the published code's where its checkout is given. See
// docs/benchmarks.md.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { count, digits, median, peakArguments, printTable, runForJson } from './measure.mjs'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    frames: { type: 'string', default: '10' },
    width: { type: 'string', default: '768' },
    height: { type: 'string', default: '432' },
    pretraining: { type: 'boolean', default: false },
    device: { type: 'string', default: 'cpu' },
    lna: { type: 'string' },
    py: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = count('rounds', values.rounds)
const request = Object.fromEntries(
  ['steps', 'threads', 'frames', 'width', 'height'].map((name) => [name, count(name, values[name])]),
)
if (values.lna !== undefined && values.pretraining)
  throw new RangeError('the published code is timed in its fit: leave out --pretraining')
const file = (path) => fileURLToPath(new URL(path, import.meta.url))

const own = []
const published = []
for (let round = 0; round < rounds; round++) {
  const argument = JSON.stringify({ ...request, device: values.device, pretraining: values.pretraining })
  const { result, peakBytes } = await runForJson(process.execPath, [
    ...peakArguments,
    file('./neuralAtlasProcess.mjs'),
    argument,
  ])
  own.push({ ...result, peakBytes })
  if (values.lna === undefined) continue
  const flags = Object.entries(request).flatMap(([name, value]) => [`--${name}`, String(value)])
  published.push(
    (await runForJson(values.py, [file('../scripts/reference/publishedAtlasStep.py'), '--lna', values.lna, ...flags]))
      .result,
  )
}

const summary = (runs) => ({
  seconds: median(runs.flatMap(({ steps }) => steps.map(({ seconds }) => seconds))),
  cpuSeconds: median(runs.flatMap(({ steps }) => steps.map(({ cpuSeconds }) => cpuSeconds))),
  first: median(runs.map(({ first }) => first.seconds)),
  peakGB: Math.max(...runs.map(({ peakBytes }) => peakBytes)) / 1e9,
})
const [ours, theirs] = [summary(own), published.length > 0 ? summary(published) : null]
if (values.json)
  console.log(
    JSON.stringify({
      bench: 'neuralAtlas',
      request,
      ours,
      ...(theirs ? { published: { ...theirs, torch: published[0].torch } } : {}),
    }),
  )
else {
  const row = (name, { seconds, cpuSeconds, first, peakGB }) => [
    name,
    digits(seconds),
    digits(cpuSeconds),
    digits(first),
    digits(peakGB),
  ]
  printTable([
    [values.pretraining ? 'pretraining step' : 'step', 's', 'CPU s', 'first step, s', 'peak GB'],
    row('text2live', ours),
    ...(theirs
      ? [
          row(`published, PyTorch ${published[0].torch}`, theirs),
          ['ratio', ...['seconds', 'cpuSeconds', 'first', 'peakGB'].map((key) => digits(ours[key] / theirs[key]))],
        ]
      : []),
  ])
}
