import { type RandomStream, randomStream } from '../../src/engine/random.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import type { FeatureStore } from './featureStore.js'
import { type BatchSizes, type Feeds, SCENE_CELLS, SENTENCE } from './headTraining.js'
import type { SentenceBank } from './sentences.js'
import { objectLabel } from './objectMasks.js'
import { type Phrase, type Shown, phrasesOf, relation, shownIn } from './texts.js'
import { FEATURES } from './trunkFeatures.js'
import { type Layer, type ViewKind, type ViewPlan, cellsOf, drawView, namesLook, regionShares } from './views.js'

/**
 * Parts of the whole views, and of the scenes, that each kind has; kinds that are not there leave theirs to the others.
 */
const parts = { plain: 0.38, crop: 0.12, tinted: 0.14, textured: 0.04, object: 0.32 } as const
const sceneParts = { scene: 0.4, gathered: 0.6 } as const
/** Share of the plain views, at least, that are of pictures whose colour or material a person named. */
const NAMED = 0.25
type WholeKind = keyof typeof parts
type SceneKind = keyof typeof sceneParts

export type GroupedKind = 'tinted' | 'object'
export type Groups = ReadonlyMap<string, readonly number[]>

/** What a step may draw from. */
export interface Pool {
  readonly plan: ViewPlan
  readonly store: FeatureStore
  readonly sentences: SentenceBank
  /** Views of each kind to draw from: the first so many. */
  readonly counts: Readonly<Record<ViewKind, number>>
  readonly plain: PlainByName
  /** Changed views by label: those of one label in several looks are drawn together. */
  readonly alike: Readonly<Record<GroupedKind, Groups>>
}

/** Plain views of pictures whose colour or material a person named, the others, and which share the former have. */
interface PlainByName {
  readonly named: readonly number[]
  readonly others: readonly number[]
  readonly share: number
}

/** The first `count` plain views. */
export function plainByName(plan: ViewPlan, count: number): PlainByName {
  const [named, others]: [number[], number[]] = [[], []]
  for (const [i, pair] of plan.plain.slice(0, count).entries()) (namesLook(plan.pairs[pair]!) ? named : others).push(i)
  return { named, others, share: named.length === 0 ? 0 : Math.max(NAMED, named.length / count) }
}

/** Cells that a region must fill to be one. */
const SMALLEST_REGION = 1.5
/** Weight of a scene's ground, beside 1 of what is pasted on it: it is large, and partly hidden. */
const GROUND = 0.7

/** The first `count` views of a kind, by what their photo shows. */
export function viewsByLabel(plan: ViewPlan, kind: GroupedKind, count: number): Groups {
  const groups = new Map<string, number[]>()
  for (let i = 0; i < count; i++) {
    const label = labelOf(plan, kind, i)
    const group = groups.get(label)
    if (group) group.push(i)
    else groups.set(label, [i])
  }
  return groups
}

function labelOf(plan: ViewPlan, kind: GroupedKind, i: number): string {
  const pair = plan.pairs[drawView(plan, kind, i).ground.pair]!
  return objectLabel(pair) ?? pair.texts[0]!
}

interface Image {
  readonly shown: Shown
  readonly phrase: Phrase
  readonly weight: number
}

/** The inputs of step `step` but for the optimizer's: the same for the same seed and step. */
export function drawBatch(
  pool: Pool,
  sizes: BatchSizes,
  seed: number,
  step: number,
): Omit<Feeds, 'tokenMean' | 'tokenStd' | 'learningRate' | 'meanCorrection' | 'squareCorrection'> {
  const { plan, store, sentences, counts, plain } = pool
  const random = randomStream(seed, 'batch', step)
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length)]!
  const imageOf = (layer: Layer, weight: number): Image => ({
    shown: shownIn(layer, plan),
    phrase: pick(phrasesOf(layer, plan)),
    weight,
  })
  const images: Image[] = []

  const views = new Float32Array(sizes.views * sizes.cellsPerView * FEATURES)
  const half = new Uint16Array(SCENE_CELLS * FEATURES)
  const kinds = drawKinds(parts, counts, sizes.views)
  const groups: Record<GroupedKind, number[]> = { tinted: [], object: [] }
  kinds.forEach((kind, v) => {
    let i: number
    if (kind === 'tinted' || kind === 'object') {
      if (groups[kind].length === 0) groups[kind] = drawGroup(pool, kind, random.integer(0, counts[kind]), random)
      i = groups[kind].pop()!
    } else if (kind === 'plain') i = pick(random.chance(plain.share) ? plain.named : plain.others)
    else i = random.integer(0, counts[kind])
    images.push(imageOf(drawView(plan, kind, i).ground, 1))
    store.read(kind, i, half)
    random
      .permutation(cellsOf(kind))
      .slice(0, sizes.cellsPerView)
      .forEach((cell, k) => copyCell(half, cell, views, v * sizes.cellsPerView + k))
  })

  const scenes = new Float32Array(sizes.scenes * SCENE_CELLS * FEATURES)
  const shares = new Float32Array(sizes.scenes * sizes.regions * SCENE_CELLS).fill(1 / SCENE_CELLS)
  drawKinds(sceneParts, counts, sizes.scenes).forEach((kind, s) => {
    const i = random.integer(0, counts[kind])
    const view = drawView(plan, kind, i)
    store.read(kind, i, half)
    for (let cell = 0; cell < SCENE_CELLS; cell++) copyCell(half, cell, scenes, s * SCENE_CELLS + cell)
    const regions = regionShares(view, plan.masks)
    const layers = [view.ground, ...view.pasted.map(({ layer }) => layer)]
    for (let r = 0; r < sizes.regions; r++) {
      const share = regions[r]
      const area = share?.reduce((sum, x) => sum + x, 0) ?? 0
      const seen = area >= SMALLEST_REGION
      if (seen)
        shares.set(
          share!.map((x) => x / area),
          (s * sizes.regions + r) * SCENE_CELLS,
        )
      images.push(imageOf(layers[seen ? r : 0]!, seen ? (r === 0 ? GROUND : 1) : 0))
    }
  })

  const embedded = new Float32Array(images.length * SENTENCE)
  images.forEach(({ phrase }, i) => embedded.set(sentences.vector(phrase.text), i * SENTENCE))
  return { views, scenes, shares, sentences: embedded, ...pairImages(images), rivals: pairRivals(images, sizes) }
}

/** Which kind each of some views is of. */
function drawKinds<K extends WholeKind | SceneKind>(
  parts: Readonly<Record<K, number>>,
  counts: Pool['counts'],
  views: number,
): K[] {
  const there = (Object.keys(parts) as K[]).filter((kind) => counts[kind] > 0)
  const sum = there.reduce((total, kind) => total + parts[kind], 0)
  let reached = 0
  return there.flatMap((kind, k) => {
    const end = k === there.length - 1 ? views : reached + Math.round((views * parts[kind]) / sum)
    const some = Array.from({ length: end - reached }, () => kind)
    reached = end
    return some
  })
}

/** Up to four views of the label that view `i` has. */
function drawGroup({ alike, plan }: Pool, kind: GroupedKind, i: number, random: RandomStream): number[] {
  const group = alike[kind].get(labelOf(plan, kind, i))!
  return random
    .permutation(group.length)
    .slice(0, 4)
    .map((k) => group[k]!)
}

function copyCell(half: Uint16Array, cell: number, into: Float32Array, row: number): void {
  const bytes = new Uint8Array(half.buffer, half.byteOffset + 2 * cell * FEATURES, 2 * FEATURES)
  into.set(toFloat32({ dtype: 'F16', shape: [FEATURES], bytes }), row * FEATURES)
}

/** Which texts tell of which images. A region that is not there is ignored by all others and has no weight. */
function pairImages(images: readonly Image[]): Pick<Feeds, 'positives' | 'ignored' | 'weights'> {
  const N = images.length
  const positives = new Float32Array(N * N)
  const ignored = new Float32Array(N * N)
  images.forEach((image, i) =>
    images.forEach((other, j) => {
      const at = i * N + j
      const found =
        i === j || other.phrase.text === image.phrase.text
          ? 'tells'
          : image.weight === 0 || other.weight === 0
            ? 'maybe'
            : relation(other.phrase, image.shown)
      if (found === 'tells' && (i === j || (image.weight > 0 && other.weight > 0))) positives[at] = 1
      else if (found !== 'differs') ignored[at] = 1
    }),
  )
  const total = images.reduce((sum, { weight }) => sum + weight, 0)
  return { positives, ignored, weights: Float32Array.from(images, ({ weight }) => weight / total) }
}

/** Regions i and texts j of one scene where the text does not tell of the region: [N, N], summing to 1. */
function pairRivals(images: readonly Image[], { views, scenes, regions }: BatchSizes): Float32Array {
  const N = images.length
  const rivals = new Float32Array(N * N)
  let count = 0
  for (let s = 0; s < scenes; s++) {
    const first = views + s * regions
    for (let i = first; i < first + regions; i++) {
      for (let j = first; j < first + regions; j++) {
        const [image, other] = [images[i]!, images[j]!]
        if (image.weight === 0 || other.weight === 0 || relation(other.phrase, image.shown) !== 'differs') continue
        rivals[i * N + j] = 1
        count++
      }
    }
  }
  return rivals.map((x) => x / Math.max(count, 1))
}
