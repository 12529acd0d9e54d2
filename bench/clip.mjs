// From the start of the command to the first step with ViT-B/32 from a folder, and memory. See bench/README.md.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { float32Tensor, writeSafetensors } from '../dist/formats/safetensors.js'
import { parseClipConfig } from '../dist/models/clipConfig.js'
import { byteVocabulary } from '../dist/models/clipTokenizer.js'
import { clipTextShapes, clipVisionShapes } from '../dist/models/clipWeights.js'
import { readBundledVocabulary } from '../dist/models/node/readBundledVocabulary.js'
import { randomClipWeights } from '../dist/models/randomClip.js'
import { command, count, digits, median, peakArguments, printTable, runProcess } from './measure.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '3' }, preset: { type: 'string', default: 'fast' }, json: { type: 'boolean', default: false } },
})
const runs = count('runs', values.runs)
const edit = ['image', 'examples/teapot.jpg', 'golden teapot', '--source', 'teapot', '--region', 'teapot', '--preset', values.preset, '--steps', '2']

const folder = await mkdtemp(join(tmpdir(), 'text2live-bench-'))
const results = []
try {
  const model = join(folder, 'vit-b-32')
  await writeModel(model)
  for (let run = 0; run < runs; run++) results.push(await measured(model, join(folder, `run-${run}`)))
} finally {
  await rm(folder, { recursive: true, force: true })
}

const of = (key) => results.map((result) => result[key])
const summary = { firstStep: median(of('firstStep')), firstMemoryGB: Math.max(...of('firstMemoryGB')), peakGB: Math.max(...of('peakGB')) }
if (values.json) console.log(JSON.stringify({ bench: 'clip', runs: results, ...summary }))
else {
  console.log(`text2live ${edit.join(' ')} --guidance <ViT-B/32, random weights> ${positionals.join(' ')}`.trimEnd(), '\n')
  printTable([
    ['run', 'model from, s', 'first graph compiled, s', 'first step done, s', 'GB then', 'peak GB'],
    ...results.map((result, index) => [index + 1, ...['loading', 'compiled', 'firstStep', 'firstMemoryGB', 'peakGB'].map((key) => digits(result[key]))]),
    ['median, largest', '', '', digits(summary.firstStep), digits(summary.firstMemoryGB), digits(summary.peakGB)],
  ])
}

/** ViT-B/32 in the Hugging Face layout: random weights in float32, CLIP's own vocabulary. */
async function writeModel(path) {
  const config = parseClipConfig({ model_type: 'clip' })
  const weights = await randomClipWeights(config, 1)([...clipVisionShapes(config).keys(), ...clipTextShapes(config).keys()])
  await mkdir(path)
  await writeFile(join(path, 'config.json'), JSON.stringify({ model_type: 'clip' }))
  await writeFile(join(path, 'model.safetensors'), writeSafetensors(new Map([...weights].map(([name, { shape, data }]) => [name, float32Tensor(shape, data)]))))
  const merges = gunzipSync(await readBundledVocabulary()).toString('utf8').split('\n').slice(1, 48895)
  const vocabulary = byteVocabulary(49408)
  merges.forEach((merge, i) => { vocabulary[merge.replace(' ', '')] = 512 + i })
  await writeFile(join(path, 'vocab.json'), JSON.stringify(vocabulary))
  await writeFile(join(path, 'merges.txt'), `#version: 0.2\n${merges.join('\n')}\n`)
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
    loading: first['model-loading'].seconds, compiled: first.compile.seconds, firstStep: first.step.seconds,
    firstMemoryGB: first.step.event.memory / 1e9, peakGB: peakBytes / 1e9,
  }
}
