import { Graph } from '../engine/graph.js'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { FloatImage } from '../media/image.js'
import { resize } from '../media/resample.js'
import { type GuidanceModel, bindWeights, weightFeeds } from '../models/guidance.js'
import { type OutlineModel, withOutline } from '../models/outline.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { RegionTexts } from '../options/region.js'
import { cosine } from './cosine.js'
import { type ObjectCase, objectMap } from './objectMap.js'
import { type RelevancyQuestion, plainRelevancyMap, relevancyMap, withQuestions } from './relevancyMap.js'
import { rivalWords, surroundings } from './rivalWords.js'
import { viewSide } from './stepViews.js'
import { type EmbeddedTexts, type NamedRows, type Rows, embedRegion } from './textTargets.js'
import { viewSize } from './viewDraws.js'

/** Words between which a name does not reach, and with which it neither begins nor ends. */
const linking = new Set(
  (
    'a an the this that his her its their of on in at by with without and or to into onto from out over under above behind beside near between through round around ' +
    'made is are be was as like for covered turned wearing being'
  ).split(' '),
)
/** Words in the longest name looked for. */
const LONGEST_NAME = 3
/** A rival as near to a region text as this cosine names the same thing, or nearly. */
const SAME_THING = 0.5
/**
 * A text as near to a name of what is around things as this cosine means such: "lawn" by "grass", not "snowman" by
 * "snow".
 */
const SAME_SURROUNDING = 0.8

/**
 * Names in the prompts that the photo may show: words that end a phrase, with up to two before them ("golden teapot"
 * and "teapot", not "golden").
 * @param models each must know a word of a name
 */
export function namesIn(prompts: readonly string[], models: readonly Pick<GuidanceModel, 'tokenize'>[]): string[] {
  const names = new Set<string>()
  for (const prompt of prompts) {
    const words = prompt.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? []
    words.forEach((word, i) => {
      const next = words[i + 1]
      if (linking.has(word) || (next !== undefined && !linking.has(next))) return
      for (let first = i; first >= 0 && i - first < LONGEST_NAME && !linking.has(words[first]!); first--)
        names.add(words.slice(first, i + 1).join(' '))
    })
  }
  return [...names].filter((name) => models.every((model) => model.tokenize(name).unread?.whole !== true))
}

/**
 * The name in the prompts that the picture is nearest to, by the mean cosine over the models; null where there is none.
 */
export async function nameInPrompt(
  prompts: readonly string[],
  picture: FloatImage,
  guidance: readonly GuidanceModel[],
  truncate: boolean,
  runtime: Runtime,
  signal?: AbortSignal,
): Promise<string | null> {
  const models = guidance.filter(({ answers }) => answers.relevancy)
  const names = namesIn(prompts, models)
  if (names.length < 2) return names[0] ?? null
  const scores = new Float64Array(names.length)
  for (const model of models) {
    const { region } = await embedRegion(model, names, truncate, undefined, [], signal)
    const seen = await pictureEmbedding(picture, model, runtime)
    names.forEach((_, k) => {
      scores[k]! += cosine(seen, row(region, k))
    })
  }
  return names[scores.indexOf(Math.max(...scores))]!
}

/** What a region is looked for with. */
export interface RegionSearch {
  readonly photo: FloatImage
  readonly guidance: readonly GuidanceModel[]
  /** Of each model; `region` embeds `texts`. */
  readonly embedded: readonly Pick<EmbeddedTexts, 'region' | 'rivals'>[]
  /** None: nothing is looked for. */
  readonly texts: readonly string[]
  readonly relevancy: ImageSettings['relevancy']
  readonly outline: OutlineModel | null
  readonly runtime: Runtime
}

/** Where the region is. */
export interface LocatedRegion {
  readonly texts: readonly string[]
  /** 1 channel of the photo's size, [0, 1]; null without a region. */
  readonly map: FloatImage | null
  /** How the object was found, with relevancy `object`. */
  readonly by: ObjectCase | null
}

/** Names of other things that region texts are to be embedded with for `locateRegion`. */
export const rivalsFor = (relevancy: ImageSettings['relevancy']): readonly string[] =>
  relevancy === 'object' ? rivalWords : []

/** The map of the region that the settings ask for. @throws GUIDANCE_INVALID without an outline network for `object` */
export async function locateRegion({
  photo,
  guidance,
  embedded,
  texts,
  relevancy,
  outline,
  runtime,
}: RegionSearch): Promise<LocatedRegion> {
  if (texts.length === 0) return { texts, map: null, by: null }
  const questions = regionQuestions(guidance, embedded)
  if (relevancy === 'model')
    return { texts, map: await withQuestions(questions, runtime, (open) => plainRelevancyMap(photo, open)), by: null }
  if (relevancy === 'edges') return { texts, map: await relevancyMap(photo, questions, runtime), by: null }
  if (outline === null)
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      'The relevancy "object" needs the outline network; none was given. Load it with loadOutline, or take --relevancy edges.',
    )
  return {
    texts,
    ...(await withOutline(outline, runtime, (finder) =>
      withQuestions(questions, runtime, (open) => objectMap(photo, open, finder)),
    )),
  }
}

/** What each model that answers is asked: the region's texts, beside rivals that are other things. */
export function regionQuestions(
  guidance: readonly GuidanceModel[],
  embedded: RegionSearch['embedded'],
): RelevancyQuestion[] {
  return guidance.flatMap((model, i) => {
    if (!model.answers.relevancy) return []
    const [texts, rivals] = [embedded[i]!.region!, embedded[i]!.rivals]
    return { model, texts, rivals: withoutSame(rivals, texts), surroundings: areSurroundings(texts, rivals) }
  })
}

/** Whether the name that each of the texts is nearest to is one of what is around things. */
function areSurroundings(texts: Rows, known: NamedRows | null): boolean {
  return (
    known !== null &&
    Array.from({ length: texts.shape[0] }, (_, k) => row(texts, k)).every((text) => {
      const near = known.names.map((_, k) => cosine(text, row(known, k)))
      const nearest = Math.max(...near)
      return nearest >= SAME_SURROUNDING && surroundings.has(known.names[near.indexOf(nearest)]!)
    })
  )
}

/** A sentence on what was taken for the region, where somebody may have expected another. */
export function regionNote({ texts, by }: Pick<LocatedRegion, 'texts' | 'by'>, asked: RegionTexts): string | null {
  const named = texts.map((text) => JSON.stringify(text)).join(', ')
  if (asked === 'agreed') {
    return texts.length === 0
      ? 'region: none, since no name in the prompt is what stands out in the photo; --region "..." says where the edit goes, --source "..." what the photo shows'
      : `region and source: ${named}, which prompt and photo agree on; --region and --source say others, --region none the whole photo`
  }
  if (by === 'words')
    return `region: ${named} is not what stands out in the photo, so it is taken where the guidance sees it, without an outline; --mask is surer`
  if (by === 'surroundings')
    return `region: ${named} is around what stands out in the photo, so it is taken where the guidance sees it, less that; --mask is surer`
  return by === 'outline' ? `region: ${named}, with the outline of what stands out` : null
}

/** The embedding [D] of the whole photo, its short side at the size of the model's views. */
async function pictureEmbedding(photo: FloatImage, model: GuidanceModel, runtime: Runtime): Promise<Float32Array> {
  const side = viewSide(model)
  const { width, height } = viewSize({ width: photo.width, height: photo.height }, side, Math.round((380 * side) / 224))
  const graph = new Graph()
  const { inputs, used } = bindWeights(graph, model)
  const embedding = model.embed(graph.input('photo', [1, 3, height, width]), inputs)
  const program = await runtime.compile(graph, { embedding })
  try {
    const seen = resize(photo, width, height, { filter: 'bicubic', antialias: true })
    const result = await program.run({
      ...weightFeeds(used, runtime),
      photo: new runtime.Tensor('float32', seen.data, [1, 3, height, width]),
    })
    return (await result.embedding!.getData()) as Float32Array
  } finally {
    await program.release()
  }
}

const row = ({ shape: [, width], data }: Rows, k: number): Float32Array => data.subarray(k * width, (k + 1) * width)

function pick(rows: Rows, which: readonly number[]): Rows {
  const [, width] = rows.shape
  const data = new Float32Array(which.length * width)
  which.forEach((k, i) => {
    data.set(row(rows, k), i * width)
  })
  return { shape: [which.length, width], data }
}

/** The rivals that are other things than all of the texts. */
function withoutSame(rivals: Rows | null, texts: Rows): Rows | null {
  if (rivals === null) return null
  const indices = Array.from({ length: rivals.shape[0] }, (_, k) => k)
  const own = Array.from({ length: texts.shape[0] }, (_, k) => row(texts, k))
  const kept = indices.filter((k) => own.every((text) => cosine(text, row(rivals, k)) < SAME_THING))
  return kept.length > 0 ? pick(rivals, kept) : null
}
