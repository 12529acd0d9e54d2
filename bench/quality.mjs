// Pictures beside those of the published code, both guided by a starter model, scored by a judge that neither was
// trained on. See docs/benchmarks.md.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { decodePhoto } from '../dist/media/node/decodePhoto.js'
import { resize } from '../dist/media/resample.js'
import { scoreEdit } from '../dist/method/scoreEdit.js'
import { fillTemplates, textTemplates } from '../dist/method/textTemplates.js'
import { embedTexts } from '../dist/method/textTargets.js'
import { folderSource } from '../dist/models/node/folderSource.js'
import { loadGuidance } from '../dist/models/loadGuidance.js'
import { command, count, digits, mean, printTable, runProcess } from './measure.mjs'

const edits = [
  ['teapot', 'golden teapot', 'teapot'],
  ['dog', 'blue dog', 'dog'],
  ['vintage-car', 'red car', 'car'],
  ['chalet', 'house covered in snow', 'house'],
  ['butterfly', 'golden butterfly', 'butterfly'],
  ['cat-face', 'orange cat', 'cat'],
]
const { values } = parseArgs({
  options: {
    photos: { type: 'string' },
    masks: { type: 'string' },
    published: { type: 'string' },
    script: { type: 'string' },
    py: { type: 'string', default: 'python3' },
    starter: { type: 'string' },
    judge: { type: 'string' },
    count: { type: 'string', default: '6' },
    size: { type: 'string', default: '192' },
    views: { type: 'string', default: '8' },
    steps: { type: 'string', default: '150' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
for (const name of ['photos', 'masks', 'published', 'script', 'starter', 'judge'])
  if (values[name] === undefined) throw new Error(`Give --${name}: see docs/benchmarks.md`)
const [text2live, madgrad] = values.published.split(',').map((path) => resolve(path))
const out = values.out === undefined ? await mkdtemp(join(tmpdir(), 'text2live-quality-')) : resolve(values.out)
const [chosen, size, views, steps] = ['count', 'size', 'views', 'steps'].map((name) => count(name, values[name]))

const runtime = createNodeRuntime({ device: 'cpu' })
const judge = await loadGuidance(await folderSource(values.judge), runtime)
const guide = await loadGuidance(await folderSource(values.starter), runtime)
const smooth = { filter: 'bilinear', antialias: true }
const read = async (path) => (await decodePhoto(path)).rgb
const rows = ({ data }, d) => Array.from({ length: data.length / d }, (_, i) => [...data.slice(i * d, (i + 1) * d)])

/** What the program of `--script` reads in place of the text tower. */
async function writeEmbeddings(path, prompt, source) {
  const d = guide.embeddingWidth
  const { composition, screen, region } = await embedTexts(
    guide,
    { prompt: [prompt], screen: [prompt], source: [source], region: [source] },
    false,
  )
  const sources = await guide.encodeTexts(fillTemplates([source], textTemplates))
  writeFileSync(
    path,
    JSON.stringify({
      prompt: rows(composition, d),
      screen: rows(screen, d),
      source: rows({ data: sources }, d),
      region: rows(region, d),
    }),
  )
}

/**
 * The edit beside its photo at one size: the judge's directional similarity, the overlap of alpha with the silhouette,
 * the mean change outside it.
 */
async function measured(photoPath, maskPath, compositePath, alphaPath, prompt, source) {
  const composite = await read(compositePath)
  const { width, height } = composite
  const at = async (path) => resize(await read(path), width, height, smooth)
  const [photo, mask] = [await at(photoPath), await at(maskPath)]
  const score = await scoreEdit(photo, composite, { prompt: [prompt], source: [source] }, false, judge, runtime)
  const alpha = alphaPath === null ? null : await at(alphaPath)
  const n = width * height
  let [both, either, change, outside] = [0, 0, 0, 0]
  for (let i = 0; i < n; i++) {
    const inside = mask.data[i] >= 0.5
    const opaque = alpha !== null && alpha.data[i] >= 0.5
    both += inside && opaque
    either += inside || opaque
    if (inside) continue
    outside++
    for (let c = 0; c < 3; c++) change += Math.abs(composite.data[c * n + i] - photo.data[c * n + i]) / 3
  }
  return { judge: score.directional, overlap: both / Math.max(either, 1), change: change / Math.max(outside, 1) }
}

const [results, kept] = [[], []]
for (const [name, prompt, source] of edits.slice(0, chosen)) {
  const folder = join(out, name)
  mkdirSync(folder, { recursive: true })
  const [photo, mask] = [resolve(values.photos, `${name}.jpg`), resolve(values.masks, `${name}.png`)]
  const embeddings = join(folder, 'embeddings.json')
  await writeEmbeddings(embeddings, prompt, source)

  // Kept between runs under what it was made from: it takes minutes, and only ours changes.
  const request = [values.script, text2live, madgrad, values.starter].map((path) => resolve(path))
  const settings = [photo, ...[size, steps, views].map(String)]
  const made = createHash('sha256')
    .update(JSON.stringify([request, settings]))
    .update(readFileSync(embeddings))
    .digest('hex')
  const published = join(folder, `published-${made.slice(0, 12)}`)
  const log = join(published, 'log.json')
  if (existsSync(log)) kept.push(name)
  else {
    const args = [...request, embeddings, ...settings, published]
    const run = spawnSync(values.py, args, { encoding: 'utf8' })
    if (run.status !== 0) throw new Error(`the published code ended with ${run.status}:\n${run.stderr}`)
  }
  const { seconds: theirSeconds } = JSON.parse(readFileSync(log, 'utf8'))
  const theirs = await measured(
    photo,
    mask,
    join(published, 'composite.png'),
    join(published, 'alpha.png'),
    prompt,
    source,
  )

  const own = join(folder, 'own')
  const [previews, began] = [[], performance.now()]
  const onLine = (line) => {
    const event = JSON.parse(line)
    if (event.type === 'preview') previews.push({ path: event.path, seconds: (performance.now() - began) / 1000 })
  }
  const args = [
    command,
    'image',
    photo,
    prompt,
    '--source',
    source,
    '--region',
    source,
    '--seed',
    '1',
    '--preview-every',
    '5',
    '--json',
    '--device',
    'cpu',
    '--force',
    '--out',
    own,
  ]
  const { status, seconds, stderr } = await runProcess(process.execPath, args, { onLine })
  if (status !== 0) throw new Error(`text2live ended with ${status}:\n${stderr}`)
  const ours = await measured(photo, mask, join(own, 'composite.png'), join(own, 'alpha.png'), prompt, source)
  let reached = null
  for (const { path, seconds: at } of previews) {
    if ((await measured(photo, mask, path, null, prompt, source)).judge < theirs.judge) continue
    reached = at
    break
  }
  results.push({
    name,
    prompt,
    theirs: { ...theirs, seconds: theirSeconds },
    ours: { ...ours, seconds, reached: reached ?? (ours.judge >= theirs.judge ? seconds : null) },
  })
  if (!values.json) console.error(name, JSON.stringify(results.at(-1)))
}

const ratios = {
  time: mean(results.map(({ theirs, ours }) => (ours.reached ?? Infinity) / theirs.seconds)),
  overlap: mean(results.map(({ theirs, ours }) => ours.overlap)) / mean(results.map(({ theirs }) => theirs.overlap)),
  change: mean(results.map(({ ours }) => ours.change)) / mean(results.map(({ theirs }) => theirs.change)),
}
if (kept.length > 0)
  console.error(`the published code's pictures and seconds are those of an earlier run: ${kept.join(', ')}`)
if (values.json) console.log(JSON.stringify({ bench: 'quality', size, views, steps, results, ratios, kept }))
else {
  console.log(
    `published code: ${size} px, ${views} views, ${steps} steps; ours: preset fast. Judge: directional similarity of ${values.judge}\n`,
  )
  printTable([
    [
      'photo',
      'prompt',
      'theirs: s',
      'judge',
      'overlap',
      'change outside',
      'ours: s',
      'judge',
      'overlap',
      'change outside',
      'their judge reached after, s',
    ],
    ...results.map(({ name, prompt, theirs, ours }) => [
      name,
      prompt,
      digits(theirs.seconds),
      digits(theirs.judge),
      digits(theirs.overlap),
      theirs.change.toExponential(1),
      digits(ours.seconds),
      digits(ours.judge),
      digits(ours.overlap),
      ours.change.toExponential(1),
      ours.reached === null ? 'not' : digits(ours.reached),
    ]),
  ])
  console.log(
    `\nours / theirs: time to their judge's score ${digits(ratios.time, 3)}, overlap ${digits(ratios.overlap, 3)}, change outside ${digits(ratios.change, 3)}\npictures in ${out}`,
  )
}
process.exit(0)
