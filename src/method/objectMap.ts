import { connectedParts } from '../media/connectedParts.js'
import { guidedFilter } from '../media/guided.js'
import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import type { OutlineFinder } from '../models/outline.js'
import { answersHeld, closerLook, outlineAround } from './closerLook.js'
import {
  type OpenQuestion,
  type RelevancyAnswers,
  drawnByColour,
  meanOf,
  relevancyAndRivalry,
  sharpenedRelevancy,
  stretched,
  withContrast,
} from './relevancyMap.js'
import { meanValue, spreadOf } from './spread.js'

/** How an object was found. */
export type ObjectCase =
  /** The words name what stands out, in the photo or where they answer most: its outline, as far as they answer. */
  | 'outline'
  /** They mean something else, or nothing stands out: where the words answer, drawn to the photo's edges. */
  | 'words'
  /** They mean what is around things, as sky is: where they answer more than others, less what stands out. */
  | 'surroundings'

/** Where the object is, with what the answer was made of: one channel of the photo's size each, [0, 1]. */
export interface ObjectMap {
  readonly map: FloatImage
  readonly by: ObjectCase
  /** The guidance's answer alone, smooth and coarse. */
  readonly answers: FloatImage
  /** The same drawn to the photo's edges: `relevancyMap`. Of surroundings the map itself. */
  readonly words: FloatImage
  readonly outline: FloatImage
}

/**
 * When the words mean what stands out, in standard deviations over the photo of their answer and of what it leaves over
 * their rivals'. By their answer alone: `alone` more inside the outline than outside. Beside rivals: `least` more, and
 * what is left over them inside against outside, with `share` of the answer's own difference, reaches `left`; or the
 * whole photo speaks for them by `presence` more than for any rival, and they answer `shown` more inside.
 */
const MEANT = { alone: 0.5, least: 0.15, share: 0.4, left: -0.55, presence: 0.3, shown: 0.4 } as const
/** Share of each side's places below the one that stands for its best answers. */
const BEST = 0.9
/** An outline that covers less of the photo than this, or more, is no object's. */
const [SMALLEST, LARGEST] = [0.002, 0.97]
/**
 * Words for what is around things mean none that stands out, unless what they leave over their rivals is so much more
 * inside the outline than outside, in standard deviations over the photo.
 */
const SURROUNDING_MEANT = 0.5
/** The second look is at the box around what the first found, and this share of its sides more around it. */
const AROUND = 0.2
/** A closer look is taken for the object where it holds so many times the words' answer that the map held. */
const HOLDS_MORE = 1.2
/**
 * Where nothing stands out in the whole photo, it is what a closer look finds if the words answer there so many times
 * as much as where they alone put the object.
 */
const ANSWERS_MORE = 1.25
/**
 * Windows, px of a short side of 256, and squared contrast of the guided filter that draws the coarse rivalry along the
 * photo's edges.
 */
const RIVALRY_FILTER = { radius: 24, epsilon: 3e-3, side: 256 } as const
/** Share of the outline that a rival is measured against: the words' own part of it. */
const OWN_PART = 0.8
/**
 * A place of the outline is another thing's where it falls below the words' own part by so much of their spread; slope
 * of the step.
 */
const [RIVAL_GAP, RIVAL_SLOPE] = [1.1, 7]
/**
 * Slope of the logistic curve that raises the contrast of the mean of the maps: what one of three sees is not the
 * object.
 */
const STEEPNESS = 14

/**
 * The object that the words name, with its outline: the mean of three maps that fail on different photos. The outline
 * network sees where an object ends, but not which one is meant; it looks twice, the second time at what the first look
 * found together with the words. The words tell which one; parts of the outline that speak for another thing than the
 * words count less. What they agree on is averaged with the same corrected by the photo's colours: a foot that lies in
 * another light comes back, a gap in the middle closes. Where the second look does not hold what the first held, as
 * beyond a branch that a bird sits on, the colours decide: its tail is the bird's. Last the network looks closer at
 * where the words answer most: what it sees there takes the place of both looks if it holds much more of their answer.
 */
export async function objectMap(
  photo: FloatImage,
  questions: readonly OpenQuestion[],
  finder: OutlineFinder,
): Promise<ObjectMap> {
  const all = await relevancyAndRivalry(photo, questions)
  const { relevancy, rivalry } = all
  const answers = stretched(relevancy)
  const first = await finder.find(photo)
  const standsOut = isAnObject(first)
  if (rivalry && questions.filter(({ rivals }) => rivals).every(({ surroundings }) => surroundings)) {
    if (!standsOut || insideOver(rivalry, first).mean < SURROUNDING_MEANT) {
      const around = beside(sharpenedRelevancy(photo, beside(stretched(rivalry), first)), first)
      return { map: around, by: 'surroundings', answers, words: around, outline: first }
    }
  }
  const meant = standsOut && isMeant(all, first)
  const words = meant ? atHalfSize(photo, answers, sharpenedRelevancy) : sharpenedRelevancy(photo, answers)
  const byWords: ObjectMap = { map: words, by: 'words', answers, words, outline: first }
  if (standsOut && !meant) return byWords
  const smooth = rivalry && alongEdges(photo, rivalry)
  const outlined = (looks: readonly [FloatImage, FloatImage]): ObjectMap => {
    const outline = meanOf(looks)
    // The words' own part of the outline, and all three maps.
    const agreed = meanOf([ownPart(outline, smooth), meanOf([...looks, words])])
    const map = withContrast(meanOf(byColours(photo, agreed, contradicted(looks), relevancy)))
    return { map, by: 'outline', answers, words, outline }
  }
  if (!standsOut) {
    const closer = await closerLook(photo, all, words, finder)
    const found = closer && isAnObject(closer) && isMeant(all, closer) && answersMore(relevancy, closer, words)
    return found ? outlined([closer, closer]) : byWords
  }
  const found = outlined([first, await lookAgain(photo, meanOf([ownPart(first, smooth), words]), finder)])
  const candidate = { ...first, data: found.map.data.map((x, i) => Math.max(x, found.outline.data[i]!)) }
  const closer = await closerLook(photo, all, candidate, finder)
  const enough = HOLDS_MORE * Math.max(answersHeld(relevancy, found.map), 0)
  return closer && isAnObject(closer) && answersHeld(relevancy, closer) >= enough ? outlined([closer, closer]) : found
}

/** A map without what the outline holds. */
const beside = (map: FloatImage, { data: outline }: FloatImage): FloatImage => ({
  ...map,
  data: map.data.map((x, i) => x * (1 - outline[i]!)),
})

/** Whether the words answer more where a closer look found something than where they alone put the object. */
function answersMore(relevancy: FloatImage, closer: FloatImage, words: FloatImage): boolean {
  return insideOver(relevancy, closer).mean >= ANSWERS_MORE * insideOver(relevancy, words).mean
}

/**
 * What stands out in a picture of which nobody said what it shows: the mean of two looks, the second at what the first
 * found; null where nothing does.
 */
export async function salientMap(photo: FloatImage, finder: OutlineFinder): Promise<FloatImage | null> {
  const first = await finder.find(photo)
  return isAnObject(first) ? meanOf([first, await lookAgain(photo, first, finder)]) : null
}

/** The walk costs most of the time; what is averaged with other maps needs no finer outline. */
function atHalfSize(
  photo: FloatImage,
  map: FloatImage,
  draw: (photo: FloatImage, map: FloatImage) => FloatImage,
): FloatImage {
  const { width, height } = photo
  return resize(draw(halved(photo), halved(map)), width, height, { filter: 'bilinear', antialias: true })
}

const halved = (image: FloatImage): FloatImage =>
  resize(image, Math.ceil(image.width / 2), Math.ceil(image.height / 2), { filter: 'bilinear', antialias: true })

/**
 * What was agreed on, with its contrast raised, and the same corrected by the photo's colours. Where it is open, the
 * colours find even odds at least; the parts that they give back there stand in both, if they answer the words more
 * than the photo does; all else there is in neither.
 */
function byColours(
  photo: FloatImage,
  agreed: FloatImage,
  open: (place: number) => boolean,
  relevancy: FloatImage,
): readonly [FloatImage, FloatImage] {
  const odds = { ...agreed, data: agreed.data.map((x, i) => (open(i) ? Math.max(x, 0.5) : x)) }
  const coloured = atHalfSize(photo, odds, (small, prior) => drawnByColour(small, prior, 1, halved(agreed)))
  const sure = withContrast(agreed, STEEPNESS)
  const least = meanValue(relevancy.data)
  const given = new Set(
    connectedParts(photo, (i) => open(i) && coloured.data[i]! > 0.5)
      .filter((part) => part.reduce((sum, i) => sum + relevancy.data[i]!, 0) > least * part.length)
      .flat(),
  )
  const both = (i: number, pick: (a: number, b: number) => number) => pick(sure.data[i]!, coloured.data[i]!)
  for (let i = 0; i < sure.data.length; i++) {
    if (given.has(i)) sure.data[i] = both(i, Math.max)
    else if (open(i)) coloured.data[i] = both(i, Math.min)
  }
  return [sure, coloured]
}

/** Places that the first look holds and the second, closer one does not: it denies them, or they are beside its box. */
function contradicted([first, second]: readonly [FloatImage, FloatImage]): (place: number) => boolean {
  return (i) => first.data[i]! > 0.5 && second.data[i]! <= 0.5
}

function isAnObject({ data }: FloatImage): boolean {
  const share = data.reduce((count, x) => (x >= 0.5 ? count + 1 : count), 0) / data.length
  return share >= SMALLEST && share <= LARGEST
}

/** Whether the words mean what the outline is of. */
function isMeant({ relevancy, rivalry, presence }: RelevancyAnswers, outline: FloatImage): boolean {
  const answer = insideOver(relevancy, outline)
  if (rivalry === null) return answer.mean >= MEANT.alone
  const left = insideOver(rivalry, outline)
  if (answer.mean >= MEANT.least && (left.mean + left.best) / 2 + MEANT.share * answer.mean >= MEANT.left) return true
  return presence !== null && presence >= MEANT.presence && answer.mean >= MEANT.shown
}

/**
 * How much larger values are inside the outline than outside, in their standard deviations: the mean, and the value
 * that a tenth exceeds; 0 where all are alike.
 */
function insideOver(
  { data: values }: FloatImage,
  { data: outline }: FloatImage,
): { readonly mean: number; readonly best: number } {
  let [inside, outside, area] = [0, 0, 0]
  values.forEach((x, i) => {
    inside += outline[i]! * x
    outside += (1 - outline[i]!) * x
    area += outline[i]!
  })
  const n = values.length
  const { deviation } = spreadOf(values)
  if (!(deviation > 1e-6)) return { mean: 0, best: 0 }
  const best = (within: boolean) =>
    quantile(
      values.filter((_, i) => outline[i]! > 0.5 === within),
      BEST,
    )
  return { mean: (inside / area - outside / (n - area)) / deviation, best: (best(true) - best(false)) / deviation }
}

function quantile(values: Float32Array, share: number): number {
  const sorted = values.slice().sort()
  return sorted[Math.floor(share * (sorted.length - 1))]!
}

function alongEdges(photo: FloatImage, map: FloatImage): FloatImage {
  const radius = Math.max(
    1,
    Math.round((RIVALRY_FILTER.radius * Math.min(photo.width, photo.height)) / RIVALRY_FILTER.side),
  )
  return guidedFilter(photo, map, radius, RIVALRY_FILTER.epsilon)
}

/** The outline without what in it belongs to other things. */
function ownPart(outline: FloatImage, rivalry: FloatImage | null): FloatImage {
  if (rivalry === null) return outline
  const within = rivalry.data.filter((_, i) => outline.data[i]! > 0.5)
  if (within.length === 0) return outline
  const own = quantile(within, OWN_PART)
  return {
    ...outline,
    data: outline.data.map((x, i) => x / (1 + Math.exp(-RIVAL_SLOPE * (rivalry.data[i]! - own + RIVAL_GAP)))),
  }
}

/** The outline of the part of the photo around where `map` says the object is, 0 elsewhere. */
async function lookAgain(photo: FloatImage, map: FloatImage, finder: OutlineFinder): Promise<FloatImage> {
  return (await outlineAround(photo, map, AROUND, finder)) ?? (await finder.find(photo))
}
