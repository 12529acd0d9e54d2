import type { ForegroundHint, PointHint } from '../../atlas/foregroundMasks.js'
import type { FrameLook } from '../../atlas/segmentation/closerMasks.js'
import { relevancyOdds } from '../../atlas/segmentation/hintEvidence.js'
import { probability } from '../../atlas/segmentation/logOdds.js'
import type { Runtime } from '../../engine/runtime.js'
import { frameImage, type ClipFrames } from '../../media/clipFrames.js'
import { connectedParts } from '../../media/connectedParts.js'
import type { FloatImage } from '../../media/image.js'
import { resize } from '../../media/resample.js'
import { requireAnswer } from '../../method/guidanceAnswers.js'
import { nameInPrompt, regionQuestions, rivalsFor } from '../../method/locateRegion.js'
import { outlineAround } from '../../method/closerLook.js'
import { type ObjectCase, objectMap, salientMap } from '../../method/objectMap.js'
import { type OpenQuestion, type RelevancyQuestion, roughRelevancy, withQuestions } from '../../method/relevancyMap.js'
import { spreadOf } from '../../method/spread.js'
import { embedRegion } from '../../method/textTargets.js'
import { type GuidanceModel, holdTextTowers } from '../../models/guidance.js'
import type { OutlineFinder } from '../../models/outline.js'
import type { RegionTexts } from '../../options/region.js'

/** Frames that are asked about, spread over the clip: one answer is vague, many agree on the object. */
const asked = 12
/** Beside the box around an object that is looked at closely: this share of the box's sides. */
const lookedAround = 0.5
/** Short side of the pictures that the models see, px: that of a photo with the preset `fast`. */
const side = 256

/** Part of what stands out in a frame that is the thing at a point, where no other is. */
const alone = 0.8

export const unsaid = 'since nobody said what it is; --object, --point or --region say it'

/** What is to be found. */
export interface FrameQuestion {
  readonly region: RegionTexts
  /** Names are taken from them where the region is `agreed`. */
  readonly prompts: readonly string[]
  readonly truncate: boolean
}

export interface FrameModels {
  /** None where no text is asked for. */
  readonly guidance: readonly GuidanceModel[]
  /** Null: the guidance's answer alone counts. The hint that is found looks at frames with it. */
  readonly outline: OutlineFinder | null
  readonly runtime: Runtime
}

export interface FrameTools {
  readonly signal: AbortSignal
  /** Frames looked at, of all that are. */
  readonly onProgress: (done: number, total: number) => void
}

/** Where the object is in some frames, and a sentence on how it was found. */
export interface FoundInFrames {
  readonly hint: ForegroundHint
  readonly note: string | null
}

/**
 * Looks for the object in some frames of a clip, by the words and by what stands out; where nothing does and nobody
 * said what it is, by what moves.
 * @throws PROMPT_TOO_LONG unless `truncate`, PROMPT_NOT_UNDERSTOOD; the signal's reason
 */
export async function findInFrames(
  frames: ClipFrames,
  question: FrameQuestion,
  models: FrameModels,
  tools: FrameTools,
): Promise<FoundInFrames> {
  const inEach = inSomeOf(frames, tools)
  const { outline, runtime } = models
  const middle = small(frames, frames.pixels.length >> 1)
  const named = await holdTextTowers(models.guidance, () => nameOf(question, models, middle))
  return await withQuestions(named?.questions ?? [], runtime, async (questions) => {
    if (outline === null)
      return {
        hint: { kind: 'relevancy', maps: await inEach((picture) => roughRelevancy(picture, questions)) },
        note: null,
      }
    const look = lookAt(frames, outline)
    const byWords = named && (await byWordsAndOutline(named, questions, inEach, outline, look))
    return byWords ?? (await byOutline(inEach, outline, look))
  })
}

/** Looks at frames of a clip closely. */
export const lookAt =
  (frames: ClipFrames, outline: OutlineFinder): FrameLook =>
  (t, around) =>
    outlineAround(frameImage(frames, t), around, lookedAround, outline)

/** A point on the object, with what stands out in the clip, if nothing but the thing at the point does in its frame. */
export async function salientAtPoint(
  frames: ClipFrames,
  { x, y, frame }: { readonly x: number; readonly y: number; readonly frame: number },
  outline: OutlineFinder,
  tools: FrameTools,
): Promise<PointHint> {
  const point = { kind: 'point', x, y, frame } as const
  // foregroundMasks refuses a point outside the clip.
  if (!frames.pixels[frame] || !(x >= 0 && x < frames.width && y >= 0 && y < frames.height)) return point
  tools.signal.throwIfAborted()
  const there = await salientMap(small(frames, frame), outline)
  if (!there) return point
  const at = Math.floor((y * there.height) / frames.height) * there.width + Math.floor((x * there.width) / frames.width)
  const parts = connectedParts(there, (i) => there.data[i]! > 0.5)
  const own = parts.find((part) => part.includes(at))
  const whole = parts.reduce((sum, part) => sum + part.length, 0)
  if (!own || own.length < alone * whole) return point
  const maps = presentIn(await inSomeOf(frames, tools)((picture) => salientMap(picture, outline)))
  return { ...point, standsOut: { maps: maps.set(frame, there), look: lookAt(frames, outline) } }
}

/** A frame at the size that the models see. */
function small(frames: ClipFrames, t: number): FloatImage {
  const { width, height } = frames
  const scale = side / Math.min(width, height)
  return resize(frameImage(frames, t), Math.round(width * scale), Math.round(height * scale), {
    filter: 'bilinear',
    antialias: true,
  })
}

/** Looks at frames spread over the clip. */
const inSomeOf =
  (frames: ClipFrames, { signal, onProgress }: FrameTools): InEach =>
  async (look) => {
    const total = frames.pixels.length
    const count = Math.min(asked, total)
    const found = new Map<number, Awaited<ReturnType<typeof look>>>()
    for (let i = 0; i < count; i++) {
      signal.throwIfAborted()
      const t = Math.round(((i + 0.5) * total) / count - 0.5)
      found.set(t, await look(small(frames, t)))
      onProgress(i + 1, count)
    }
    return found
  }

const presentIn = (found: ReadonlyMap<number, FloatImage | null>): Map<number, FloatImage> =>
  new Map([...found].filter((each): each is [number, FloatImage] => each[1] !== null))

interface NamedObject {
  readonly questions: readonly RelevancyQuestion[]
  readonly text: string
  /** Somebody asked for it; else it was taken from the prompt. */
  readonly given: boolean
}

type InEach = <T>(look: (picture: FloatImage) => Promise<T>) => Promise<Map<number, T>>

/** The texts of the region, or the name in the prompts that a frame shows most; null without any. */
async function nameOf(
  { region, prompts, truncate }: FrameQuestion,
  { guidance, outline, runtime }: FrameModels,
  picture: FloatImage,
): Promise<NamedObject | null> {
  const agrees = region === 'agreed' && guidance.some(({ answers }) => answers.relevancy)
  const name = agrees ? await nameInPrompt(prompts, picture, guidance, truncate, runtime) : null
  const texts = region === 'agreed' ? (name === null ? [] : [name]) : region
  if (texts.length === 0) return null
  requireAnswer(
    guidance,
    'relevancy',
    'To find the object by its name there must be one (--object and --point need none)',
  )
  const embedded = []
  for (const model of guidance)
    embedded.push(
      await embedRegion(model, texts, truncate, undefined, rivalsFor(outline === null ? 'model' : 'object')),
    )
  return {
    questions: regionQuestions(guidance, embedded),
    text: texts.map((text) => JSON.stringify(text)).join(', '),
    given: region !== 'agreed',
  }
}

/**
 * Outlines where most frames say that the words mean what stands out; else what the guidance answers, or nothing where
 * nobody asked for the words.
 */
async function byWordsAndOutline(
  { text, given }: NamedObject,
  questions: readonly OpenQuestion[],
  inEach: InEach,
  finder: OutlineFinder,
  look: FrameLook,
): Promise<FoundInFrames | null> {
  const found = await inEach((picture) => objectMap(picture, questions, finder))
  const answers = new Map([...found].map(([t, each]) => [t, each.answers]))
  const many = (by: ObjectCase) => 2 * [...found].filter(([, each]) => each.by === by).length >= found.size
  const way = many('outline') ? 'outline' : given && many('surroundings') ? 'surroundings' : 'words'
  if (way !== 'words') {
    const how = !given
      ? `${text}, which prompt and clip agree on; --object, --point or --region say another`
      : way === 'outline'
        ? `${text}, with the outline of what stands out`
        : `${text}, around what stands out: it is taken where the guidance sees it, less that; --object is surer`
    const note = `the foreground is ${how}`
    if (way === 'surroundings') {
      const maps = new Map([...found].map(([t, { by, map, answers }]) => [t, by === way ? map : vague(answers)]))
      return { hint: { kind: 'probability', maps }, note }
    }
    const outlined = [...found].filter(([, { by }]) => by === way)
    return { hint: { kind: 'object', maps: new Map(outlined.map(([t, { map }]) => [t, map])), answers, look }, note }
  }
  if (!given) return null
  return {
    hint: { kind: 'relevancy', maps: answers },
    note: `${text} is not what stands out in the clip, so it is taken where the guidance sees it; --object or --point are surer`,
  }
}

/** A stretched answer as a vague probability: what answers far more than the rest of the picture may be the object. */
function vague(answers: FloatImage): FloatImage {
  const { mean, deviation } = spreadOf(answers.data)
  return {
    ...answers,
    data: answers.data.map((x) => (deviation > 0 ? probability(relevancyOdds((x - mean) / deviation)) : 0)),
  }
}

async function byOutline(inEach: InEach, finder: OutlineFinder, look: FrameLook): Promise<FoundInFrames> {
  const maps = presentIn(await inEach((picture) => salientMap(picture, finder)))
  if (maps.size === 0)
    return { hint: { kind: 'motion' }, note: `the foreground is what moves against the background, ${unsaid}` }
  return {
    hint: { kind: 'object', maps, answers: null, look },
    note: `the foreground is what stands out and moves, ${unsaid}`,
  }
}
