// How many steps of a learned start reach what a random one has after many: see docs/benchmarks.md.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { createTrainer } from '../dist/method/trainer.js'
import { loadStart } from '../dist/models/learnedStart.js'
import { bundledSource } from '../dist/models/node/bundled.js'
import { resolveSettings } from '../dist/options/resolveSettings.js'
import { openGuidance } from '../dist/run/buildTrainer.js'
import { sharpCodec } from '../dist/media/node/sharpCodec.js'
import { loadOutline } from '../dist/models/outline.js'
import { readImageInput } from '../dist/session/imageInput.js'
import { count, digits, mean, median, printTable } from './measure.mjs'

/** Photos and prompts that no start was learned on. */
const pairs = [
  ['teapot', 'golden teapot', 'teapot'],
  ['dog', 'blue dog', 'dog'],
  ['vintage-car', 'red car', 'car'],
  ['coffee-cup', 'green coffee cup', 'coffee cup'],
  ['cat-face', 'orange cat', 'cat'],
  ['chalet', 'house covered in snow', 'house'],
  ['backpack', 'leather backpack', 'backpack'],
  ['butterfly', 'golden butterfly', 'butterfly'],
  ['locomotive', 'blue locomotive', 'locomotive'],
  ['balloons', 'purple balloon', 'balloon'],
  ['bird-kaka', 'blue bird', 'bird'],
  ['dog-corgi', 'wooden dog', 'dog'],
]
const { values } = parseArgs({
  options: {
    photos: { type: 'string' },
    pairs: { type: 'string', default: String(pairs.length) },
    preset: { type: 'string', default: 'fast' },
    steps: { type: 'string', default: '100' },
    window: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
if (values.photos === undefined) throw new Error('Give --photos <folder> with teapot.jpg and the others.')
const [steps, window, chosen] = ['steps', 'window', 'pairs'].map((name) => count(name, values[name]))

if (steps < window) throw new Error(`Expected --steps of at least --window ${window}, came ${steps}.`)

const runtime = createNodeRuntime({ device: 'cpu' })
const [outline, learned] = [
  await loadOutline(await bundledSource('outline')),
  await loadStart(await bundledSource('start')),
]

/** The random start has the published learning rate, at which it does best; the preset's is for the learned one. */
const randomRate = 2.5e-3

/** The losses of the texts alone: what a person wants to see done; the other terms hold the layer together. */
const textLoss = ({ composition, directional, screen }) => composition + directional + screen

/**
 * Total loss and seconds so far, step by step, until `enough` says so.
 * @param more settings beside those of the preset
 */
async function train(name, prompt, source, start, more, enough) {
  const settings = resolveSettings(
    [
      {
        preset: values.preset,
        prompt,
        source,
        region: source,
        seed: Number(values.seed),
        steps,
        device: 'cpu',
        ...more,
      },
    ],
    () => 0,
  )
  const input = await readImageInput(join(values.photos, `${name}.jpg`), null, settings, sharpCodec)
  const guidance = await openGuidance(settings, runtime)
  const texts = { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: settings.region }
  const trainer = await createTrainer({
    runtime,
    guidance,
    outline,
    start,
    photo: input.training.photo,
    settings,
    texts,
  })
  const [losses, seconds, began] = [[], [], performance.now()]
  while (trainer.step < steps && !enough(losses)) {
    losses.push(textLoss((await trainer.train()).losses))
    seconds.push((performance.now() - began) / 1000)
  }
  await trainer.dispose()
  return { losses, seconds }
}

/** The learned start as it ships, held to the colours of its first picture, and free of them, as the random one is. */
const kinds = { held: {}, free: { lambdaColour: 0 } }

const rows = []
for (const [name, prompt, source] of pairs.slice(0, chosen)) {
  const random = await train(name, prompt, source, null, { learningRate: randomRate }, () => false)
  const level = mean(random.losses.slice(-10))
  const reached = (losses) => losses.length >= window && mean(losses.slice(-window)) <= level
  const row = { name, prompt, level, random: { seconds: random.seconds.at(-1), first: random.losses[0] } }
  for (const [kind, more] of Object.entries(kinds)) {
    const { losses, seconds } = await train(name, prompt, source, learned, more, reached)
    const done = reached(losses)
    row[kind] = {
      steps: done ? losses.length : null,
      seconds: done ? seconds.at(-1) : null,
      first: losses[0],
      // The lowest mean of `window` steps in a row.
      nearest: Math.min(...losses.slice(window - 1).map((_, i) => mean(losses.slice(i, i + window)))),
    }
  }
  rows.push(row)
  if (!values.json) console.error(name, prompt, JSON.stringify(row))
}

/** The median over the rows, where one that was not reached counts as the largest; null where that is one. */
function medianOf(kind, what) {
  const middle = median(rows.map((row) => row[kind][what] ?? Infinity))
  return Number.isFinite(middle) ? middle : null
}
const summary = Object.fromEntries(
  Object.keys(kinds).map((kind) => [kind, { steps: medianOf(kind, 'steps'), seconds: medianOf(kind, 'seconds') }]),
)
if (values.json)
  console.log(JSON.stringify({ bench: 'start', preset: values.preset, of: steps, window, rows, summary }))
else {
  console.log(
    `preset ${values.preset}: composition + directional + screen loss; the level is the random start's mean of its last 10 of ${steps} steps, reached by the mean of ${window} steps; held to the colours of its first picture as it ships, and free of them (--lambda-colour 0)\n`,
  )
  const shown = ({ steps: taken, seconds }) => [taken ?? `> ${steps}`, seconds === null ? '' : digits(seconds)]
  printTable([
    [
      'photo',
      'prompt',
      'level',
      `random, s for ${steps}`,
      'held: steps',
      's',
      'nearest',
      'free: steps',
      's',
      'first step: random',
      'learned',
    ],
    ...rows.map((r) => [
      r.name,
      r.prompt,
      digits(r.level),
      digits(r.random.seconds),
      ...shown(r.held),
      digits(r.held.nearest),
      ...shown(r.free),
      digits(r.random.first),
      digits(r.held.first),
    ]),
    ['median', '', '', '', ...shown(summary.held), '', ...shown(summary.free), '', ''],
  ])
}
process.exit(0)
