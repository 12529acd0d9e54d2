import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { Graph } from '../../src/engine/graph.js'
import type { Runtime } from '../../src/engine/runtime.js'
import { crop } from '../../src/media/crop.js'
import type { FloatImage } from '../../src/media/image.js'
import { resize } from '../../src/media/resample.js'
import { relevancyMap } from '../../src/method/relevancyMap.js'
import { type GuidanceModel, bindWeights } from '../../src/models/guidance.js'
import { loadStarter } from '../../src/models/starter.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { type Pair, PairFolder, isClean } from './pairs.js'
import { decodeJpeg, renderView } from './renderView.js'
import { drawView, everyPlainView, planViews, regionShares } from './views.js'

const SIZE = 224
const BATCH = 16
/** How a class is said; its embedding is the mean of these. */
const templates = ['{}', 'a photo of {}', 'an image of {}', 'a photo of a {}', 'photo of {}']
/** Scenes of held-out pictures for the figure `scenes`. */
const SCENES = 240

/** What is measured, and what each part's figures say; all are shares of 1. */
const measures = {
  /**
   * Held-out pictures: how often the picture's own text is the nearest, and among the nearest five, of all the distinct
   * first texts; and the first of these for the pictures of clean sources alone, among the same texts.
   */
  heldout: retrieval,
  /** How often the nearest class of the set `objects`, `materials`, `colours` is the right one. */
  zeroshot: zeroShot,
  /**
   * Held-out photos pasted on others: how often a cell inside answers the photo's text more than a cell outside (area
   * under the ROC curve), mean over photos.
   */
  scenes,
  /**
   * The same for pixels of film frames with masks, by the relevancy map of preset `fast`; and that map's overlap (IoU)
   * with the mask, at 1/2.
   */
  frames,
}
export type Measure = keyof typeof measures
export const measureNames = Object.keys(measures) as Measure[]

export interface EvaluateOptions {
  readonly model: string
  readonly pairs: string
  /** Folder of films with masks, for `frames`. */
  readonly videos: string | undefined
  readonly measures: readonly Measure[]
  readonly threads: number
  /** Told each figure as soon as it is known. */
  readonly say: (line: string) => void
}

interface Subject {
  readonly model: GuidanceModel
  readonly runtime: Runtime
  readonly pairs: string
  readonly videos: string | undefined
}
type Figures = Record<string, number>

export async function evaluate({
  model: path,
  pairs,
  videos,
  measures: asked,
  threads,
  say,
}: EvaluateOptions): Promise<Figures> {
  const runtime = createNodeRuntime({ device: 'cpu', threads })
  const subject: Subject = { model: await loadStarter(await folderSource(path), runtime), runtime, pairs, videos }
  const figures: Figures = {}
  for (const name of asked) {
    const found = await measures[name](subject)
    for (const [figure, value] of Object.entries(found)) say(`${figure.padEnd(16)} ${value.toFixed(3)}`)
    Object.assign(figures, found)
  }
  return figures
}

async function retrieval({ model, runtime, pairs }: Subject): Promise<Figures> {
  const folder = new PairFolder(pairs, 'heldout')
  const texts = [...new Set(folder.pairs.map((pair) => pair.texts[0]!))]
  const [images, embedded] = [
    await embedPictures(folder, model, runtime),
    rows(unit(await model.encodeTexts(texts), model.embeddingWidth), model.embeddingWidth),
  ]
  const ranks = folder.pairs.map((pair, i) => {
    const answers = embedded.map((text) => dot(images[i]!, text))
    const own = answers[texts.indexOf(pair.texts[0]!)]!
    return answers.filter((answer) => answer > own).length
  })
  folder.close()
  const first = ranks.map((rank) => rank === 0)
  return {
    rightFirst: share(first),
    inFirstFive: share(ranks.map((rank) => rank < 5)),
    cleanRightFirst: share(first.filter((_, i) => isClean(folder.pairs[i]!))),
  }
}

async function zeroShot({ model, runtime, pairs }: Subject): Promise<Figures> {
  const folder = new PairFolder(pairs, 'zeroshot')
  const images = await embedPictures(folder, model, runtime)
  const D = model.embeddingWidth
  const of = async (set: Pair['set']): Promise<number> => {
    const among = folder.pairs.flatMap((pair, i) => (pair.set === set ? [i] : []))
    const classes = [...new Set(among.map((i) => folder.pairs[i]!.label!))]
    const said = rows(
      unit(
        await model.encodeTexts(classes.flatMap((name) => templates.map((template) => template.replace('{}', name)))),
        D,
      ),
      D,
    )
    const means = classes.map((_, c) =>
      unit(
        templates.reduce(
          (sum, _, k) => sum.map((x, i) => x + said[c * templates.length + k]![i]!),
          new Float32Array(D),
        ),
        D,
      ),
    )
    return share(
      among.map((i) => {
        const answers = means.map((mean) => dot(images[i]!, mean))
        return classes[answers.indexOf(Math.max(...answers))] === folder.pairs[i]!.label
      }),
    )
  }
  const figures = { objects: await of('objects'), materials: await of('materials'), colours: await of('colours') }
  folder.close()
  return figures
}

async function scenes({ model, runtime, pairs }: Subject): Promise<Figures> {
  const folder = new PairFolder(pairs, 'heldout')
  const plan = planViews(folder.pairs, 0, {
    seed: 1,
    counts: { ...everyPlainView, scenes: SCENES },
  })
  const views = Array.from({ length: SCENES }, (_, i) => drawView(plan, 'scene', i))
  const textOf = (pair: number): string => folder.pairs[pair]!.texts[0]!
  const D = model.embeddingWidth
  const texts = [...new Set(views.flatMap((view) => view.pasted.map(({ layer }) => textOf(layer.pair))))]
  const embedded = rows(
    await model.encodeTexts(
      texts.map((text) => model.relevancyText(text)),
      { truncate: true },
    ),
    D,
  )
  const ask = await relevancyProgram(model, runtime)
  const curves: number[] = []
  for (const view of views) {
    const pixels = await renderView(view, folder)
    const shares = regionShares(view)
    for (const [k, { layer }] of view.pasted.entries()) {
      const text = textOf(layer.pair)
      // A text that also tells of the ground or of the other photo has no outside.
      if (
        folder.pairs[view.ground.pair]!.texts.includes(text) ||
        view.pasted.some((other, j) => j !== k && textOf(other.layer.pair) === text)
      )
        continue
      const answers = await ask(pixels, embedded[texts.indexOf(text)]!)
      const cells = [...shares[k + 1]!]
      const [inside, outside] = [answers.filter((_, c) => cells[c]! >= 0.6), answers.filter((_, c) => cells[c]! <= 0.1)]
      if (inside.length > 0) curves.push(curve(inside, outside))
    }
  }
  folder.close()
  return { scenes: curves.reduce((sum, x) => sum + x, 0) / curves.length }
}

/** Three frames of every film, asked for what its mask holds. */
async function frames({ model, runtime, videos }: Subject): Promise<Figures> {
  if (videos === undefined)
    throw new Error('Expected --videos <folder> for the figures of film frames: see scripts/starter/README.md')
  const subjects: Record<string, string> = { blackswan: 'swan', libby: 'dog', 'car-roundabout': 'car' }
  const found: { curve: number; overlap: number }[] = []
  for (const [name, subject] of Object.entries(subjects)) {
    const texts = {
      shape: [1, model.embeddingWidth] as const,
      data: await model.encodeTexts([model.relevancyText(subject)]),
    }
    for (const frame of ['00000', '00020', '00040']) {
      const full = await decodeJpeg(readFileSync(join(videos, name, 'frames', `${frame}.jpg`)))
      const height = 288
      const width = Math.round((full.width * height) / full.height)
      // As a run reads its photo: whole levels, nothing beyond [0, 1].
      const photo = resize(full, width, height, { filter: 'bilinear', antialias: true, round8: true })
      const mask = resize(await decodeJpeg(readFileSync(join(videos, name, 'masks', `${frame}.png`))), width, height, {
        filter: 'bilinear',
        antialias: true,
      })
      const map = await relevancyMap(photo, [{ model, texts }], runtime)
      found.push(against(map, mask))
    }
  }
  const mean = (of: (x: (typeof found)[number]) => number): number =>
    found.reduce((sum, x) => sum + of(x), 0) / found.length
  return { frames: mean((x) => x.curve), framesOverlap: mean((x) => x.overlap) }
}

function against(map: FloatImage, mask: FloatImage): { curve: number; overlap: number } {
  const n = map.width * map.height
  const [inside, outside] = [new Array<number>(), new Array<number>()]
  let [both, either] = [0, 0]
  for (let i = 0; i < n; i++) {
    const [asked, is] = [map.data[i]! > 0.5, mask.data[i]! > 0.5]
    ;(is ? inside : outside).push(map.data[i]!)
    if (asked && is) both++
    if (asked || is) either++
  }
  return { curve: curve(inside, outside), overlap: both / either }
}

/** Area under the ROC curve: the chance that one of `inside` is larger than one of `outside`; equal ones count half. */
function curve(inside: readonly number[], outside: readonly number[]): number {
  if ([...inside, ...outside].some(Number.isNaN)) throw new Error('an answer is no number')
  const all = [...inside.map((x) => [x, 1] as const), ...outside.map((x) => [x, 0] as const)].sort(([a], [b]) => a - b)
  let ranks = 0
  for (let from = 0; from < all.length;) {
    let to = from
    while (to < all.length && all[to]![0] === all[from]![0]) to++
    for (let i = from; i < to; i++) ranks += all[i]![1] * ((from + 1 + to) / 2)
    from = to
  }
  return (ranks - (inside.length * (inside.length + 1)) / 2) / (inside.length * outside.length)
}

/** Unit embeddings of the centre squares. */
async function embedPictures(folder: PairFolder, model: GuidanceModel, runtime: Runtime): Promise<Float32Array[]> {
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const program = await runtime.compile(graph, {
    embedding: model.embed(graph.input('pixels', [BATCH, 3, SIZE, SIZE]), inputs),
  })
  const frozen = Object.fromEntries(
    [...used].map(([name, weight]) => [name, new runtime.Tensor('float32', weight.data, weight.shape)]),
  )
  const all: Float32Array[] = []
  for (let from = 0; from < folder.pairs.length; from += BATCH) {
    const part = folder.pairs.slice(from, from + BATCH)
    const pixels = new Float32Array(BATCH * 3 * SIZE * SIZE)
    for (const [i, pair] of part.entries())
      pixels.set(centreSquare(await decodeJpeg(folder.jpeg(pair))), i * 3 * SIZE * SIZE)
    const result = await program.run({
      ...frozen,
      pixels: new runtime.Tensor('float32', pixels, [BATCH, 3, SIZE, SIZE]),
    })
    all.push(
      ...rows(unit(result.embedding!.data as Float32Array, model.embeddingWidth), model.embeddingWidth).slice(
        0,
        part.length,
      ),
    )
  }
  await program.release()
  return all
}

/** As Pillow crops and resizes. */
function centreSquare(image: FloatImage): Float32Array {
  const side = Math.min(image.width, image.height)
  const square = crop(image, Math.floor((image.width - side) / 2), Math.floor((image.height - side) / 2), side, side)
  return resize(square, SIZE, SIZE, { filter: 'bicubic', antialias: true, round8: true }).data
}

async function relevancyProgram(
  model: GuidanceModel,
  runtime: Runtime,
): Promise<(pixels: Float32Array, text: Float32Array) => Promise<number[]>> {
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const map = model.relevancy(
    graph.input('pixels', [1, 3, SIZE, SIZE]),
    graph.input('text', [1, model.embeddingWidth]),
    inputs,
  )
  const program = await runtime.compile(graph, { map })
  const frozen = Object.fromEntries(
    [...used].map(([name, weight]) => [name, new runtime.Tensor('float32', weight.data, weight.shape)]),
  )
  return async (pixels, text) => {
    const result = await program.run({
      ...frozen,
      pixels: new runtime.Tensor('float32', pixels, [1, 3, SIZE, SIZE]),
      text: new runtime.Tensor('float32', text, [1, model.embeddingWidth]),
    })
    return [...(result.map!.data as Float32Array)]
  }
}

function unit(vectors: Float32Array, D: number): Float32Array {
  const out = vectors.slice()
  for (let at = 0; at < out.length; at += D) {
    const length = Math.hypot(...out.subarray(at, at + D))
    for (let i = at; i < at + D; i++) out[i] = out[i]! / length
  }
  return out
}

function rows(vectors: Float32Array, D: number): Float32Array[] {
  return Array.from({ length: vectors.length / D }, (_, i) => vectors.subarray(i * D, (i + 1) * D))
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function share(right: readonly boolean[]): number {
  return right.filter(Boolean).length / right.length
}
