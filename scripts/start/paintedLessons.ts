import { randomStream } from '../../src/engine/random.js'
import { boxMean } from '../../src/media/boxMean.js'
import type { FloatImage } from '../../src/media/image.js'
import { seenBy, withoutSurroundings } from '../../src/method/sight.js'
import { textTemplates } from '../../src/method/textTemplates.js'
import type { GuidanceModel } from '../../src/models/guidance.js'
import { unit } from '../../src/models/phraseReading.js'
import { colours } from '../starter/colours.js'
import { type Finish, finishes, inFinish, withGrainOf } from '../starter/finishes.js'
import { materials, substances } from '../starter/materials.js'
import { objectLabel } from '../starter/objectMasks.js'
import type { PairFolder } from '../starter/pairs.js'
import { objectShare, renderView } from '../starter/renderView.js'
import { formsOf } from '../starter/texts.js'
import { type Look, type View, type ViewPlan, drawView } from '../starter/views.js'
import type { Lesson } from './teachStart.js'

/** How strong the grain is that the generator sees, and the share of lessons in which it sees none. */
const GRAIN = { least: 0.6, most: 0.9, none: 0.15 } as const
/** Most pixels by which more than the object is seen where it is seen alone: a run's map is not exact. */
const SOFTEST = 2
/** The share of lessons whose texts are taken as they are, so that what no phrase says is learned on too. */
const LITERAL = 0.25
/** Sides of the photos, px: near those of a short run and of its crops; seven levels of the generator need 129. */
const sizes = [144, 160, 192] as const

interface DrawnLesson {
  readonly look: string
  readonly view: View
  /** Null: the view's own look. */
  readonly finish: Finish | null
  readonly grain: { readonly seed: number; readonly strength: number }
  /** Radius of the blur of the object's map where it is seen alone; what is left of it there is seen. */
  readonly softness: number
  readonly literal: boolean
  /** The same two templates for both. */
  readonly prompts: readonly string[]
  readonly sources: readonly string[]
}

export interface LessonSource {
  readonly folder: PairFolder
  readonly plan: ViewPlan
  readonly guidance: GuidanceModel
}

/**
 * Lessons number `from` to `from + count`, painted by the rules that the starter model's training views are painted by:
 * the object of a photo, or all of it, in a colour or a material.
 */
export async function* paintedLessons(
  { folder, plan, guidance }: LessonSource,
  from: number,
  count: number,
): AsyncGenerator<Lesson> {
  const drawn = Array.from({ length: count }, (_, i) => drawLesson(plan, from + i))
  const directions = await embedDirections(guidance, drawn)
  for (const [i, { look, view, finish, grain, softness, literal }] of drawn.entries()) {
    const { size } = view
    const photo = await renderView({ ...view, ground: { ...view.ground, look: null } }, folder, plan.masks)
    const object =
      view.ground.within === null ? new Float32Array(size ** 2).fill(1) : await objectShare(view, folder, plan.masks)
    const picture: FloatImage = { width: size, height: size, channels: 3, data: photo }
    const grained = finish ? withGrainOf(finish, picture, object, grain).data : photo
    const target = finish ? inFinish(grained, object, finish) : await renderView(view, folder, plan.masks)
    const seen = view.ground.within === null ? grained : aloneIn(picture, grained, object, softness)
    yield { look, size, photo, seen, target, object, direction: directions[i]!, literal }
  }
}

/** A photo with its grain as a run shows it that knows where the object is, if not to the pixel. */
function aloneIn(photo: FloatImage, grained: Float32Array, object: Float32Array, softness: number): Float32Array {
  const { width, height } = photo
  const data = Float32Array.from(boxMean(object, width, height, softness))
  const region: FloatImage = { width, height, channels: 1, data }
  const sight = withoutSurroundings(photo, { surroundings: 'hidden', regionBound: 1 }, region, undefined)
  return sight ? seenBy(sight, { ...photo, data: grained }).data : grained
}

function nameOf({ of, index }: Look): string {
  if (of === 'finish') return finishes[index]!.names[0]!
  return { colour: colours, material: materials, substance: substances }[of][index]!.name
}

/** A look that is one of the finishes; "rust" is a colour as well, and then none. */
function finishOf(look: Look): Finish | null {
  if (look.of === 'finish') return finishes[look.index]!
  const name = nameOf(look)
  if (look.of === 'colour' && name === 'rust') return null
  return finishes.find(({ names }) => names.includes(name)) ?? null
}

function drawLesson(plan: ViewPlan, i: number): DrawnLesson {
  const random = randomStream(plan.seed, 'lesson', i)
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length)]!
  const drawn = drawView(plan, 'object', i)
  const { texts } = plan.pairs[drawn.ground.pair]!
  const label = objectLabel(plan.pairs[drawn.ground.pair]!) ?? texts[0]!
  const look = drawn.ground.look!
  const finish = finishOf(look)
  const prompt = pick(finish?.forms ?? formsOf(look)).replace('{}', label)
  const strength = random.chance(GRAIN.none) ? 0 : random.uniform(GRAIN.least, GRAIN.most)
  // Most people say what the photo shows; the others have "image".
  const source = random.chance(0.75) ? label : 'image'
  const templates = [pick(textTemplates), pick(textTemplates)]
  const said = (text: string): string[] => templates.map((template) => template.replace('{}', text))
  // A run without a region changes all that it sees.
  const within = random.chance(0.2) ? null : drawn.ground.within
  return {
    look: finish?.names[0] ?? nameOf(look),
    finish,
    grain: { seed: random.integer(0, 2 ** 31), strength },
    softness: random.integer(0, SOFTEST + 1),
    view: { ...drawn, size: pick(sizes), ground: { ...drawn.ground, within } },
    prompts: said(prompt),
    sources: said(source),
    literal: random.chance(LITERAL),
  }
}

/** Directions of length 1, [D], from what is to what is asked for. */
async function embedDirections(guidance: GuidanceModel, drawn: readonly DrawnLesson[]): Promise<Float32Array[]> {
  const texts = [...new Set(drawn.flatMap(({ prompts, sources }) => [...prompts, ...sources]))]
  const rows = await guidance.encodeTexts(texts, { truncate: true })
  const d = guidance.embeddingWidth
  const row = new Map(texts.map((text, i) => [text, rows.subarray(i * d, (i + 1) * d)]))
  return drawn.map(({ prompts, sources }) => {
    const direction = new Float32Array(d)
    prompts.forEach((prompt, k) => {
      const [to, from] = [row.get(prompt)!, row.get(sources[k]!)!]
      for (let i = 0; i < d; i++) direction[i]! += to[i]! - from[i]!
    })
    return unit(direction)
  })
}
