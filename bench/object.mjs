// How well the object's map meets silhouettes: of photos and of frames of clips (whole clips: bench/flow.mjs). See
// docs/benchmarks.md.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createNodeRuntime } from '../dist/engine/node/createNodeRuntime.js'
import { decodePhoto } from '../dist/media/node/decodePhoto.js'
import { resize } from '../dist/media/resample.js'
import { regionQuestions, rivalsFor } from '../dist/method/locateRegion.js'
import { objectMap } from '../dist/method/objectMap.js'
import { withQuestions } from '../dist/method/relevancyMap.js'
import { embedRegion } from '../dist/method/textTargets.js'
import { bundledSource } from '../dist/models/node/bundled.js'
import { loadOutline } from '../dist/models/outline.js'
import { withOutline } from '../dist/models/outline.js'
import { openGuidance } from '../dist/run/buildTrainer.js'
import { count, printTable } from './measure.mjs'

const { values } = parseArgs({
  options: {
    photos: { type: 'string' },
    masks: { type: 'string' },
    words: { type: 'string' },
    videos: { type: 'string' },
    guidance: { type: 'string', default: 'starter' },
    size: { type: 'string', default: '256' },
    json: { type: 'boolean', default: false },
  },
})
const side = count('size', values.size)
const smooth = { filter: 'bilinear', antialias: true }

/** What the thirteen photos of docs/benchmarks.md show; `--words` names a JSON file of the same kind for others. */
const words =
  values.words === undefined
    ? {
        backpack: 'backpack',
        balloons: 'balloon',
        'bird-kaka': 'bird',
        butterfly: 'butterfly',
        'cat-face': 'cat',
        chalet: 'house',
        'dog-corgi': 'dog',
        dog: 'dog',
        locomotive: 'locomotive',
        parrots: 'parrots',
        rocket: 'rocket',
        teapot: 'teapot',
        'vintage-car': 'car',
      }
    : JSON.parse(readFileSync(values.words, 'utf8'))
const subjects = { blackswan: 'swan', libby: 'dog', 'car-roundabout': 'car' }

const runtime = createNodeRuntime({ device: 'cpu' })
const guidance = await openGuidance({ guidance: [values.guidance], positionEmbedding: 'fixed' }, runtime)
const outline = await loadOutline(await bundledSource('outline'))

/** Overlap of what is above 1/2 in both; and of the maps as they are: sum of the smaller over sum of the larger. */
function overlaps({ data: map }, { data: mask }) {
  let [both, either, least, most] = [0, 0, 0, 0]
  map.forEach((x, i) => {
    if (x >= 0.5 && mask[i] >= 0.5) both++
    if (x >= 0.5 || mask[i] >= 0.5) either++
    least += Math.min(x, mask[i])
    most += Math.max(x, mask[i])
  })
  return { iou: either === 0 ? 1 : both / either, soft: most === 0 ? 1 : least / most }
}

const grey = (image) => ({ ...image, channels: 1, data: image.data.slice(0, image.width * image.height) })
const read = async (path) => (await decodePhoto(path)).rgb

async function mapsOf(photo, text) {
  const embedded = []
  for (const model of guidance) embedded.push(await embedRegion(model, [text], false, undefined, rivalsFor('object')))
  return await withOutline(outline, runtime, (finder) =>
    withQuestions(regionQuestions(guidance, embedded), runtime, (open) => objectMap(photo, open, finder)),
  )
}

async function measured(name, text, full, mask) {
  const [short, long] = [Math.min(full.width, full.height), Math.max(full.width, full.height)]
  const [width, height] = [full.width, full.height].map((length) =>
    length === short ? side : Math.floor((side * long) / short),
  )
  const photo = resize(full, width, height, { ...smooth, round8: true })
  const truth = resize(grey(mask), width, height, smooth)
  const start = performance.now()
  const found = await mapsOf(photo, text)
  const seconds = (performance.now() - start) / 1000
  return {
    name,
    text,
    by: found.by,
    words: overlaps(found.words, truth),
    outline: overlaps(found.outline, truth),
    object: overlaps(found.map, truth),
    seconds,
  }
}

const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length
const two = (x) => x.toFixed(2)
const report = {}

function print(title, rows) {
  if (values.json) return
  const line = (name, row) => [
    name,
    row.text ?? '',
    row.by ?? '',
    ...['words', 'outline', 'object'].flatMap((key) => [two(row[key].iou), two(row[key].soft)]),
    two(row.seconds),
  ]
  const average = { seconds: mean(rows.map(({ seconds }) => seconds)) }
  for (const key of ['words', 'outline', 'object'])
    average[key] = { iou: mean(rows.map((row) => row[key].iou)), soft: mean(rows.map((row) => row[key].soft)) }
  console.log(title)
  printTable([
    ['', 'word', 'by', 'words IoU', 'soft', 'outline IoU', 'soft', 'object IoU', 'soft', 's'],
    ...rows.map((row) => line(row.name, row)),
    line('mean', average),
    [
      'least',
      '',
      '',
      two(Math.min(...rows.map(({ words }) => words.iou))),
      '',
      two(Math.min(...rows.map(({ outline: { iou } }) => iou))),
      '',
      two(Math.min(...rows.map(({ object }) => object.iou))),
      '',
      '',
    ],
  ])
  console.log()
}

if (values.photos !== undefined) {
  const rows = []
  for (const [name, text] of Object.entries(words)) {
    const [photo, mask] = [join(values.photos, `${name}.jpg`), join(values.masks ?? values.photos, `${name}.png`)]
    if (!existsSync(photo) || !existsSync(mask)) throw new Error(`expected a photo ${photo} and its silhouette ${mask}`)
    rows.push(await measured(name, text, await read(photo), await read(mask)))
  }
  report.photos = rows
  print(`photos, short side ${side} px`, rows)
}

if (values.videos !== undefined) {
  const rows = []
  for (const [name, text] of Object.entries(subjects)) {
    for (const frame of ['00000', '00020', '00040']) {
      const [full, mask] = [
        await read(join(values.videos, name, 'frames', `${frame}.jpg`)),
        await read(join(values.videos, name, 'masks', `${frame}.png`)),
      ]
      rows.push(await measured(`${name} ${frame}`, text, full, mask))
    }
  }
  report.frames = rows
  print(`frames, short side ${side} px`, rows)
}

if (values.json) console.log(JSON.stringify({ bench: 'object', size: side, ...report }))
