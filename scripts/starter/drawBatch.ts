import { type RandomStream, randomStream } from '../../src/engine/random.js'
import { toFloat32 } from '../../src/formats/toFloat32.js'
import type { FeatureStore } from './featureStore.js'
import { type BatchSizes, type Feeds, SCENE_CELLS, SENTENCE } from './headTraining.js'
import type { SentenceBank } from './sentences.js'
import { type Phrase, type Shown, phrasesOf, relation, shownIn } from './texts.js'
import { FEATURES } from './trunkFeatures.js'
import { type Layer, type ViewKind, type ViewPlan, cellsOf, drawView, regionShares } from './views.js'

/** Parts of the whole views that each kind has; kinds that are not there leave theirs to the others. */
const parts = { plain: 0.44, crop: 0.18, tinted: 0.28, textured: 0.1 } as const
type WholeKind = keyof typeof parts

/** What a step may draw from. */
export interface Pool {
  readonly plan: ViewPlan
  readonly store: FeatureStore
  readonly sentences: SentenceBank
  /** Views of each kind to draw from: the first so many. */
  readonly counts: Readonly<Record<ViewKind, number>>
  /** Tinted views by label: those of one label in several colours are drawn together. */
  readonly tintedByLabel: ReadonlyMap<string, readonly number[]>
}

/** Cells that a region must fill to be one. */
const SMALLEST_REGION = 1.5
/** Weight of a scene's ground, beside 1 of what is pasted on it: it is large, and partly hidden. */
const GROUND = 0.7

export function tintedByLabel(plan: ViewPlan, count: number): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (let i = 0; i < count; i++) {
    const label = plan.pairs[plan.tinted[i]!]!.texts[0]!
    const group = groups.get(label)
    if (group) group.push(i)
    else groups.set(label, [i])
  }
  return groups
}

interface Image { readonly shown: Shown; readonly phrase: Phrase; readonly weight: number }

/** The inputs of step `step` but for the optimizer's: the same for the same seed and step. */
export function drawBatch(pool: Pool, sizes: BatchSizes, seed: number, step: number): Omit<Feeds, 'tokenMean' | 'tokenStd' | 'learningRate' | 'meanCorrection' | 'squareCorrection'> {
  const { plan, store, sentences, counts } = pool
  const random = randomStream(seed, 'batch', step)
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length)]!
  const imageOf = (layer: Layer, weight: number): Image => ({ shown: shownIn(layer, plan), phrase: pick(phrasesOf(layer, plan)), weight })
  const images: Image[] = []

  const views = new Float32Array(sizes.views * sizes.cellsPerView * FEATURES)
  const half = new Uint16Array(SCENE_CELLS * FEATURES)
  const kinds = drawKinds(counts, sizes.views)
  let group: number[] = []
  kinds.forEach((kind, v) => {
    if (kind === 'tinted' && group.length === 0) group = drawGroup(pool, random.integer(0, counts.tinted), random)
    const i = kind === 'tinted' ? group.pop()! : random.integer(0, counts[kind])
    images.push(imageOf(drawView(plan, kind, i).ground, 1))
    store.read(kind, i, half)
    random.permutation(cellsOf(kind)).slice(0, sizes.cellsPerView).forEach((cell, k) => copyCell(half, cell, views, v * sizes.cellsPerView + k))
  })

  const scenes = new Float32Array(sizes.scenes * SCENE_CELLS * FEATURES)
  const shares = new Float32Array(sizes.scenes * sizes.regions * SCENE_CELLS).fill(1 / SCENE_CELLS)
  for (let s = 0; s < sizes.scenes; s++) {
    const i = random.integer(0, counts.scene)
    const view = drawView(plan, 'scene', i)
    store.read('scene', i, half)
    for (let cell = 0; cell < SCENE_CELLS; cell++) copyCell(half, cell, scenes, s * SCENE_CELLS + cell)
    const regions = regionShares(view)
    const layers = [view.ground, ...view.pasted.map(({ layer }) => layer)]
    for (let r = 0; r < sizes.regions; r++) {
      const share = regions[r]
      const area = share?.reduce((sum, x) => sum + x, 0) ?? 0
      const seen = area >= SMALLEST_REGION
      if (seen) shares.set(share!.map(x => x / area), (s * sizes.regions + r) * SCENE_CELLS)
      images.push(imageOf(layers[seen ? r : 0]!, seen ? (r === 0 ? GROUND : 1) : 0))
    }
  }

  const embedded = new Float32Array(images.length * SENTENCE)
  images.forEach(({ phrase }, i) => embedded.set(sentences.vector(phrase.text), i * SENTENCE))
  return { views, scenes, shares, sentences: embedded, ...pairImages(images), rivals: pairRivals(images, sizes) }
}

/** Which kind each whole view is of. */
function drawKinds(counts: Pool['counts'], views: number): WholeKind[] {
  const there = (Object.keys(parts) as WholeKind[]).filter(kind => counts[kind] > 0)
  const sum = there.reduce((total, kind) => total + parts[kind], 0)
  let reached = 0
  return there.flatMap((kind, k) => {
    const end = k === there.length - 1 ? views : reached + Math.round((views * parts[kind]) / sum)
    const some = Array.from({ length: end - reached }, () => kind)
    reached = end
    return some
  })
}

/** Up to four tinted views of the label that view `i` has. */
function drawGroup({ tintedByLabel: groups, plan }: Pool, i: number, random: RandomStream): number[] {
  const group = groups.get(plan.pairs[plan.tinted[i]!]!.texts[0]!)!
  return random.permutation(group.length).slice(0, 4).map(k => group[k]!)
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
  images.forEach((image, i) => images.forEach((other, j) => {
    const at = i * N + j
    const found = i === j || other.phrase.text === image.phrase.text ? 'tells' : image.weight === 0 || other.weight === 0 ? 'maybe' : relation(other.phrase, image.shown)
    if (found === 'tells' && (i === j || (image.weight > 0 && other.weight > 0))) positives[at] = 1
    else if (found !== 'differs') ignored[at] = 1
  }))
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
  return rivals.map(x => x / Math.max(count, 1))
}
