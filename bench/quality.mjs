// Pictures beside those of the published code, both guided by a starter model, or ours alone, scored by a judge that
// neither was trained on. See docs/benchmarks.md.
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
    py: { type: 'string' },
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
const isBeside = values.published !== undefined
for (const name of ['photos', 'masks', 'judge', ...(isBeside ? ['script', 'starter'] : [])])
  if (values[name] === undefined) throw new Error(`Give --${name}: see docs/benchmarks.md`)
for (const name of ['script', 'starter', 'py'])
  if (!isBeside && values[name] !== undefined)
    throw new Error(`--${name} is of the published code: give --published too, see docs/benchmarks.md`)
const out = values.out === undefined ? await mkdtemp(join(tmpdir(), 'text2live-quality-')) : resolve(values.out)
const [chosen, size, views, steps] = ['count', 'size', 'views', 'steps'].map((name) => count(name, values[name]))

const runtime = createNodeRuntime({ device: 'cpu' })
const judge = await loadGuidance(await folderSource(values.judge), runtime)
const guide = isBeside ? await loadGuidance(await folderSource(values.starter), runtime) : null
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
for (const edit of edits.slice(0, chosen)) {
  const theirs = isBeside ? await publishedEdit(...edit) : null
  const ours = await ownEdit(edit, theirs)
  const [name, prompt] = edit
  results.push({ name, prompt, theirs, ours })
  if (!values.json) console.error(name, JSON.stringify(results.at(-1)))
}

function filesOf(name) {
  const folder = join(out, name)
  mkdirSync(folder, { recursive: true })
  return { folder, photo: resolve(values.photos, `${name}.jpg`), mask: resolve(values.masks, `${name}.png`) }
}

/** An edit by the published code, kept between runs under what it was made from: it takes minutes; only ours changes. */
async function publishedEdit(name, prompt, source) {
  const { folder, photo, mask } = filesOf(name)
  const embeddings = join(folder, 'embeddings.json')
  await writeEmbeddings(embeddings, prompt, source)
  const [text2live, madgrad] = values.published.split(',')
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
    const run = spawnSync(values.py ?? 'python3', args, { encoding: 'utf8' })
    if (run.status !== 0) throw new Error(`the published code ended with ${run.status}:\n${run.stderr}`)
  }
  const { seconds } = JSON.parse(readFileSync(log, 'utf8'))
  const [composite, alpha] = ['composite.png', 'alpha.png'].map((file) => join(published, file))
  return { ...(await measured(photo, mask, composite, alpha, prompt, source)), seconds }
}

/** An edit by this checkout; `reached`: after how many seconds the judge gave it what it gave theirs. */
async function ownEdit([name, prompt, source], theirs) {
  const { folder, photo, mask } = filesOf(name)
  const own = join(folder, 'own')
  const [previews, began] = [[], performance.now()]
  const onLine = (line) => {
    const event = JSON.parse(line)
    if (event.type === 'preview') previews.push({ path: event.path, seconds: (performance.now() - began) / 1000 })
  }
  const texts = [photo, prompt, '--source', source, '--region', source]
  const how = ['--seed', '1', '--preview-every', '5', '--json', '--device', 'cpu', '--force', '--out', own]
  const { status, seconds, stderr } = await runProcess(process.execPath, [command, 'image', ...texts, ...how], {
    onLine,
  })
  if (status !== 0) throw new Error(`text2live ended with ${status}:\n${stderr}`)
  const ours = await measured(photo, mask, join(own, 'composite.png'), join(own, 'alpha.png'), prompt, source)
  const judged = []
  for (const { path, seconds: at } of previews)
    judged.push({ at, judge: (await measured(photo, mask, path, null, prompt, source)).judge })
  judged.push({ at: seconds, judge: ours.judge })
  const reached = theirs && (judged.find((one) => one.judge >= theirs.judge)?.at ?? null)
  return { ...ours, seconds, reached, best: Math.max(...judged.map((one) => one.judge)) }
}

const ratio = (what) => mean(results.map(({ ours }) => ours[what])) / mean(results.map(({ theirs }) => theirs[what]))
const ratios = isBeside
  ? {
      time: mean(results.map(({ theirs, ours }) => (ours.reached ?? Infinity) / theirs.seconds)),
      overlap: ratio('overlap'),
      change: ratio('change'),
    }
  : null
if (kept.length > 0)
  console.error(`the published code's pictures and seconds are those of an earlier run: ${kept.join(', ')}`)
if (values.json)
  console.log(JSON.stringify({ bench: 'quality', ...(isBeside ? { size, views, steps, ratios, kept } : {}), results }))
else {
  const sizes = `published code: ${size} px, ${views} views, ${steps} steps; `
  console.log(`${isBeside ? sizes : ''}ours: preset fast. Judge: directional similarity of ${values.judge}\n`)
  const columns = ['s', 'judge', 'overlap', 'change outside']
  const cells = ({ seconds, judge: score, overlap, change }) => [
    digits(seconds),
    digits(score),
    digits(overlap),
    change.toExponential(1),
  ]
  printTable([
    [
      'photo',
      'prompt',
      ...(isBeside ? columns.map((column) => `theirs: ${column}`) : []),
      ...columns.map((column) => `ours: ${column}`),
      isBeside ? 'their judge reached after, s' : 'best judge of its previews',
    ],
    ...results.map(({ name, prompt, theirs, ours }) => [
      name,
      prompt,
      ...(theirs ? cells(theirs) : []),
      ...cells(ours),
      theirs === null ? digits(ours.best) : ours.reached === null ? 'not' : digits(ours.reached),
    ]),
  ])
  if (ratios)
    console.log(
      `\nours / theirs: time to their judge's score ${digits(ratios.time, 3)}, overlap ${digits(ratios.overlap, 3)}, change outside ${digits(ratios.change, 3)}`,
    )
  console.log(`pictures in ${out}`)
}
process.exit(0)
