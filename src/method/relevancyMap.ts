import { Graph } from '../engine/graph.js'
import type { Runtime } from '../engine/runtime.js'
import type { Uploaded } from '../engine/transfer.js'
import type { FloatImage } from '../media/image.js'
import { randomWalker } from '../media/randomWalker.js'
import { resize } from '../media/resample.js'
import { type GuidanceModel, bindWeights, weightFeeds } from '../models/guidance.js'
import { colourPosterior } from './colourPosterior.js'
import { meanValue, spreadOf } from './spread.js'
import type { Rows } from './textTargets.js'

/** Short sides, in multiples of the guidance's own size, at which the photo is looked at. */
const SCALES = [1, 1.5, 2.5, 4] as const
/** Scales that would enlarge the photo further than this are left out: they show nothing more. */
const LARGEST_ENLARGEMENT = 3.5
/**
 * The photo is seen at no more pixels than so many squares of the guidance's own size have: a CLIP compares each cell
 * with each other. A photo of 5:1 has as many at the largest scale.
 */
const MOST_SQUARES = 80
/** Rounds of colour and walk: the object's colours, then its outline, then its colours again. */
const ROUNDS = 3
const WALK = { beta: 3, pull: 1e-3 } as const
/**
 * How far above the threshold between object and rest a place must answer to count as the object: a miss costs less
 * than an edit on the ground.
 */
const MARGIN = 0.1
/** Slope of the logistic curve that raises the map's contrast. */
const STEEPNESS = 10

/** A model and the embeddings [K, D] of the texts that it is asked to find. */
export interface RelevancyQuestion {
  readonly model: GuidanceModel
  readonly texts: Rows
  /** Of other things [R, D] that the texts compete with in `rivalry`; none where absent. */
  readonly rivals?: Rows | null
  /** The texts name what is around things, as sky and water are: nothing that stands out. False where absent. */
  readonly surroundings?: boolean
}

/** A question that can be asked of any number of pictures. */
export interface OpenQuestion extends RelevancyQuestion {
  /** The raw relevancy [gh, gw] of a picture for each of some texts [K, D]. */
  readonly ask: (picture: FloatImage, texts: Rows) => Promise<FloatImage[]>
}

/**
 * Opens questions for one piece of work: the weights of each model are brought to the device once, when it is first
 * asked.
 */
export async function withQuestions<T>(
  questions: readonly RelevancyQuestion[],
  runtime: Runtime,
  work: (open: readonly OpenQuestion[]) => Promise<T>,
): Promise<T> {
  const uploads: Uploaded[] = []
  const open = questions.map((question): OpenQuestion => {
    let weights: Uploaded | null = null
    return {
      ...question,
      async ask(picture, texts) {
        const graph = new Graph()
        const { inputs, used } = bindWeights(graph, question.model)
        const image = graph.input('image', [1, 3, picture.height, picture.width])
        const maps = question.model.relevancy(image, graph.input('texts', texts.shape), inputs) // [K, 1, gh, gw]
        if (weights === null) uploads.push((weights = await runtime.upload(weightFeeds(used, runtime))))
        const program = await runtime.compile(graph, { maps })
        try {
          const T = runtime.Tensor
          const feeds = {
            image: new T('float32', picture.data, image.shape),
            texts: new T('float32', texts.data, texts.shape),
          }
          const data = (await (await program.run({ ...weights.tensors, ...feeds })).maps!.getData()) as Float32Array
          const [K, , height, width] = maps.shape as [number, number, number, number]
          return Array.from({ length: K }, (_, k) => ({
            width,
            height,
            channels: 1,
            data: data.slice(k * width * height, (k + 1) * width * height),
          }))
        } finally {
          await program.release()
        }
      },
    }
  })
  try {
    return await work(open)
  } finally {
    for (const upload of uploads) await upload.release()
  }
}

/**
 * Where the photo shows the region texts, as a map in [0, 1] of the photo's size: the guidance's coarse relevancy,
 * averaged over models, scales and texts, then in turn corrected by the photo's colours and drawn to its edges by a
 * random walk, its contrast raised. The published bootstrap target, a stretched 7x7 map, reaches over the object's
 * outline (docs/deviations.md).
 */
export async function relevancyMap(
  photo: FloatImage,
  questions: readonly RelevancyQuestion[],
  runtime: Runtime,
): Promise<FloatImage> {
  return sharpenedRelevancy(photo, await withQuestions(questions, runtime, (open) => roughRelevancy(photo, open)))
}

/** The same from what `roughRelevancy` gave. */
export function sharpenedRelevancy(photo: FloatImage, rough: FloatImage): FloatImage {
  return withContrast(drawnByColour(photo, withContrast(centred(rough)), ROUNDS))
}

/**
 * A map in [0, 1] corrected by the colours of the object and of the rest, and drawn to the photo's edges, in turn.
 * @param start where the object is taken to be at first, to count its colours and the rest's
 */
export function drawnByColour(photo: FloatImage, prior: FloatImage, rounds: number, start = prior): FloatImage {
  const [posterior, walk] = [colourPosterior(photo), randomWalker(photo, WALK)]
  let map = start
  for (let round = 0; round < rounds; round++) map = walk(posterior(prior, map), map)
  return map
}

/**
 * The published bootstrap target for the whole photo, at the photo's size: the relevancy of the photo squeezed into the
 * model's square, resized and stretched to [0, 1], averaged over texts and models.
 */
export async function plainRelevancyMap(photo: FloatImage, questions: readonly OpenQuestion[]): Promise<FloatImage> {
  const bilinear = { filter: 'bilinear', antialias: true } as const
  const maps: FloatImage[] = []
  for (const question of questions) {
    const side = question.model.imageSize
    const each = await question.ask(resize(photo, side, side, bilinear), question.texts)
    maps.push(
      meanOf(
        each.map((map) => resize(stretched(resize(map, side, side, bilinear)), photo.width, photo.height, bilinear)),
      ),
    )
  }
  return meanOf(maps)
}

/**
 * The relevancy itself, smooth and coarse: one channel of the photo's size, stretched to [0, 1], averaged over models,
 * scales and texts.
 */
export async function roughRelevancy(photo: FloatImage, questions: readonly OpenQuestion[]): Promise<FloatImage> {
  return stretched((await relevancyAndRivalry(photo, questions)).relevancy)
}

/** How the photo answers to the region texts and to what competes with them. */
export interface RelevancyAnswers {
  /** One channel of the photo's size: the stretched answers, added over the models; not stretched again. */
  readonly relevancy: FloatImage
  /**
   * How much more each place speaks for the texts than for the rival it speaks for most, in standard deviations of the
   * texts' own answer over the photo: one channel of the photo's size, smooth and coarse, averaged over the models that
   * compare texts; null where none does.
   */
  readonly rivalry: FloatImage | null
  /**
   * The same of the whole photo: its mean answer to the texts less that to the rival it answers to most, in the same
   * unit; null without rivals.
   */
  readonly presence: number | null
}

/** The relevancy at all worthwhile scales; models with rivals are asked for those in the same run. */
export async function relevancyAndRivalry(
  photo: FloatImage,
  questions: readonly OpenQuestion[],
): Promise<RelevancyAnswers> {
  const { width, height } = photo
  const plane = (): FloatImage => ({ width, height, channels: 1, data: new Float32Array(width * height) })
  const addTo = (sum: FloatImage, coarse: FloatImage, share: number): void => {
    const fine = resize(coarse, width, height, { filter: 'bicubic', antialias: true })
    fine.data.forEach((x, i) => {
      sum.data[i] = sum.data[i]! + share * x
    })
  }
  const [relevancy, rivalry] = [plane(), plane()]
  const comparing = questions.filter(({ rivals }) => rivals).length
  let presence = 0
  for (const question of questions) {
    const scales = scalesFor(photo, question.model)
    for (const scale of scales) {
      const { texts, margins } = await coarseAnswers(photo, question, scale)
      addTo(relevancy, stretched(texts), 1 / scales.length)
      if (!margins) continue
      addTo(rivalry, margins.places, 1 / (scales.length * comparing))
      presence += margins.whole / (scales.length * comparing)
    }
  }
  return comparing > 0 ? { relevancy, rivalry, presence } : { relevancy, rivalry: null, presence: null }
}

/** The scales that show a model more of the photo without enlarging it too far; at least the first. */
function scalesFor({ width, height }: FloatImage, model: GuidanceModel): readonly number[] {
  const ratio = Math.max(width, height) / Math.min(width, height)
  const worthwhile = SCALES.filter(
    (scale) =>
      scale * model.imageSize <= LARGEST_ENLARGEMENT * Math.min(width, height) && scale * scale * ratio <= MOST_SQUARES,
  )
  return worthwhile.length > 0 ? worthwhile : [SCALES[0]]
}

interface CoarseAnswers {
  readonly texts: FloatImage
  readonly margins: { readonly places: FloatImage; readonly whole: number } | null
}

/**
 * The guidance's relevancy [gh, gw] of the photo at `scale` times its own size, aspect kept, mean over the texts; and
 * by how much it exceeds the largest of the rivals', place by place and on the whole.
 */
async function coarseAnswers(
  photo: FloatImage,
  { model, texts, rivals, ask }: OpenQuestion,
  scale: number,
): Promise<CoarseAnswers> {
  const factor =
    model.imageSize *
    Math.min(scale / Math.min(photo.width, photo.height), Math.sqrt(MOST_SQUARES / (photo.width * photo.height)))
  const side = (length: number) => Math.max(model.cell, Math.round((length * factor) / model.cell) * model.cell)
  const seen = resize(photo, side(photo.width), side(photo.height), { filter: 'bicubic', antialias: true })
  const all = await ask(seen, rivals ? joined(texts, rivals) : texts)
  const own = meanOf(all.slice(0, texts.shape[0]))
  if (!rivals) return { texts: own, margins: null }
  const others = all.slice(texts.shape[0])
  const { mean, deviation } = spreadOf(own.data)
  const spread = Math.max(deviation, 1e-6)
  const places = own.data.map(
    (x, i) => (x - others.reduce((most, { data }) => Math.max(most, data[i]!), -Infinity)) / spread,
  )
  const whole = (mean - Math.max(...others.map(({ data }) => meanValue(data)))) / spread
  return { texts: own, margins: { places: { ...own, data: places }, whole } }
}

/** Rows of one width, one list after the other. */
function joined(a: Rows, b: Rows): Rows {
  const data = new Float32Array(a.data.length + b.data.length)
  data.set(a.data)
  data.set(b.data, a.data.length)
  return { shape: [a.shape[0] + b.shape[0], a.shape[1]], data }
}

/** The mean of maps of one size. */
export function meanOf(maps: readonly FloatImage[]): FloatImage {
  const [first] = maps as [FloatImage, ...FloatImage[]]
  return { ...first, data: first.data.map((_, i) => maps.reduce((sum, { data }) => sum + data[i]!, 0) / maps.length) }
}

/** A map stretched to [0, 1]; 0 where it is constant. */
export function stretched(map: FloatImage): FloatImage {
  let [low, high] = [Infinity, -Infinity]
  for (const x of map.data) {
    low = Math.min(low, x)
    high = Math.max(high, x)
  }
  const range = high - low
  return { ...map, data: map.data.map((x) => (range > 0 ? (x - low) / range : 0)) }
}

/**
 * The map with the threshold between its low and its high values, where that lies above 1/2, brought down to 1/2. A
 * stretched map of a small object, or of one that the model hardly knows, is above 1/2 on half of the photo: only the
 * gap between both kinds of places tells the object.
 */
function centred(map: FloatImage): FloatImage {
  const threshold = Math.min(Math.max(otsuThreshold(map.data) + MARGIN, 0.5), 0.85)
  const exponent = Math.log(0.5) / Math.log(threshold)
  return { ...map, data: map.data.map((x) => x ** exponent) }
}

/** The value in [0, 1] that splits numbers into two classes of the largest variance between them (Otsu 1979). */
function otsuThreshold(values: Float32Array): number {
  const bins = 256
  const counts = new Float64Array(bins)
  for (const x of values) counts[Math.min(bins - 1, Math.floor(x * bins))]! += 1
  const total = counts.reduce((sum, count, bin) => sum + count * bin, 0)
  let [below, sumBelow, most, at] = [0, 0, -1, bins / 2]
  counts.forEach((count, bin) => {
    below += count
    sumBelow += count * bin
    const above = values.length - below
    if (below === 0 || above === 0) return
    const variance = below * above * (sumBelow / below - (total - sumBelow) / above) ** 2
    if (variance > most) [most, at] = [variance, bin]
  })
  return (at + 0.5) / bins
}

/** Values clamped to [0, 1] and sent through a logistic curve that keeps 0, 1/2 and 1. */
export function withContrast(map: FloatImage, steepness = STEEPNESS): FloatImage {
  const curve = (t: number) => 1 / (1 + Math.exp(-steepness * (t - 0.5)))
  const [low, high] = [curve(0), curve(1)]
  return { ...map, data: map.data.map((x) => (curve(Math.min(Math.max(x, 0), 1)) - low) / (high - low)) }
}
