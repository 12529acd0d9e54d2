import { type RandomStream, randomStream } from '../../src/engine/random.js'
import { colours, namesColour } from './colours.js'
import type { Pair } from './pairs.js'

/** A window of a picture, as shares of its sides. */
export interface Window { readonly left: number; readonly top: number; readonly width: number; readonly height: number }

/** A soft ellipse in a layer, as shares of its sides. */
export interface Ellipse { readonly x: number; readonly y: number; readonly rx: number; readonly ry: number }

/** One photo of a view: a window of a pair's picture, maybe mirrored, tinted or textured, all over or in an ellipse. */
export interface Layer {
  readonly pair: number
  /** Null: the centre square (or the centre window of the box's shape). */
  readonly window: Window | null
  readonly flip: boolean
  /** Index into `colours`. */
  readonly colour: number | null
  /** Pair whose picture is a texture that the photo's brightness is laid upon. */
  readonly texture: number | null
  /** Where colour or texture reach; null: everywhere. */
  readonly within: Ellipse | null
}

/** A photo pasted on another one. */
export interface Pasted {
  readonly layer: Layer
  /** Pixels of the view. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  readonly ellipse: boolean
}

/** What one picture shown to the trunk is made of. */
export interface View {
  readonly size: number
  readonly ground: Layer
  readonly pasted: readonly Pasted[]
}

/** `plain`: the centre square. `crop`: a random window. `tinted`, `textured`: a random window in a named colour or a texture. `scene`: photos pasted on a photo. */
export const viewKinds = ['plain', 'scene', 'tinted', 'crop', 'textured'] as const
export type ViewKind = (typeof viewKinds)[number]

/** Side of each kind's pictures: a crop as large as its photo, so that parts are seen enlarged; what tells of colour and material, in half the time. */
export const viewSizes = { plain: 224, crop: 224, tinted: 160, textured: 160, scene: 224 } as const satisfies Record<ViewKind, number>

export const CELL = 32

/** Cells of a view of this kind. */
export function cellsOf(kind: ViewKind): number {
  return (viewSizes[kind] / CELL) ** 2
}

/** Which pairs the views of each kind are made of. All lists are of indices into the pairs; clean ones come first. */
export interface ViewPlan {
  readonly seed: number
  readonly pairs: readonly Pair[]
  readonly cleanCount: number
  /** Pairs that crops are made of: every second. */
  readonly cropped: readonly number[]
  /** Pairs that may be tinted: their text is a short one that names no colour. */
  readonly tintable: readonly number[]
  /** Pairs that tinted views are made of: every second of those. */
  readonly tinted: readonly number[]
  /** Pairs that are pictures of a material. */
  readonly textures: readonly number[]
  /** Pairs that a texture can be laid upon. */
  readonly texturable: readonly number[]
  /** Scenes; the first `cleanScenes` of them are made of clean pairs alone. */
  readonly scenes: number
  readonly cleanScenes: number
}

export function planViews(pairs: readonly Pair[], cleanCount: number, { seed, scenes, cleanScenes }: { seed: number; scenes: number; cleanScenes: number }): ViewPlan {
  const all = pairs.map((_, i) => i)
  const short = (pair: Pair): boolean => pair.texts[0]!.split(' ').length <= 4
  const tintable = all.filter(i => {
    const pair = pairs[i]!
    return ['label', 'word', 'caption'].includes(pair.kind) && short(pair) && !pair.texts.some(namesColour) && pair.color === undefined && pair.source !== 'fire'
  })
  const textures = all.filter(i => pairs[i]!.source === 'textures3d' && pairs[i]!.texts[0]!.split(' ').length <= 2)
  // Every fourth of the unclean pairs that can be tinted: the materials are few.
  const texturable = tintable.filter(i => i >= cleanCount && i % 4 === 0)
  const half = (list: readonly number[]): number[] => list.filter((_, k) => k % 2 === 0)
  return { seed, pairs, cleanCount, cropped: half(all), tintable, tinted: half(tintable), textures, texturable, scenes, cleanScenes }
}

export function viewCount(plan: ViewPlan, kind: ViewKind): number {
  return { plain: plan.pairs.length, crop: plan.cropped.length, tinted: plan.tinted.length, textured: plan.texturable.length, scene: plan.scenes }[kind]
}

/** How many of a kind's views, the first ones, are made of clean pairs alone. */
export function cleanViewCount(plan: ViewPlan, kind: ViewKind): number {
  return { plain: plan.cleanCount, crop: cleanOf(plan, plan.cropped), tinted: cleanOf(plan, plan.tinted), textured: 0, scene: plan.cleanScenes }[kind]
}

/** How many of the pairs in a list, the first ones, are clean. */
function cleanOf({ cleanCount }: ViewPlan, list: readonly number[]): number {
  return list.filter(i => i < cleanCount).length
}

/** View number `i` of a kind: the same for the same seed, whatever else was drawn. */
export function drawView(plan: ViewPlan, kind: ViewKind, i: number): View {
  const random = randomStream(plan.seed, kind, i)
  const size = viewSizes[kind]
  const layer = (pair: number, changes: Partial<Layer>): Layer => ({ pair, window: null, flip: random.chance(0.5), colour: null, texture: null, within: null, ...changes })
  const alone = (ground: Layer): View => ({ size, ground, pasted: [] })
  const within = (): Ellipse | null => random.chance(0.4) ? null : ellipse(random)
  switch (kind) {
    case 'plain': return alone({ ...layer(i, {}), flip: false })
    case 'crop': return alone(layer(plan.cropped[i]!, { window: squareWindow(random, 0.55) }))
    case 'tinted': return alone(layer(plan.tinted[i]!, { window: squareWindow(random, 0.7), colour: random.integer(0, colours.length), within: within() }))
    case 'textured': {
      const texture = plan.textures[random.integer(0, plan.textures.length)]!
      return alone(layer(plan.texturable[i]!, { window: squareWindow(random, 0.7), texture, within: within() }))
    }
    case 'scene': return drawScene(plan, i, random)
  }
}

/** A photo with another pasted on it, or two; a quarter of the pasted are tinted, some of the twos are one photo in two colours. */
function drawScene(plan: ViewPlan, i: number, random: RandomStream): View {
  const size = viewSizes.scene
  const clean = i < plan.cleanScenes
  const limit = clean ? plan.cleanCount : plan.pairs.length
  const tintable = clean ? cleanOf(plan, plan.tintable) : plan.tintable.length
  const patch = (): Layer => {
    const change = random.uniform()
    const base = { window: squareWindow(random, 0.6), flip: random.chance(0.5), within: null }
    if (change < 0.25) return { ...base, pair: plan.tintable[random.integer(0, tintable)]!, colour: random.integer(0, colours.length), texture: null }
    if (change < 0.35 && !clean) {
      const texture = plan.textures[random.integer(0, plan.textures.length)]!
      return { ...base, pair: plan.texturable[random.integer(0, plan.texturable.length)]!, colour: null, texture }
    }
    return { ...base, pair: random.integer(0, limit), colour: null, texture: null }
  }
  const first = patch()
  const layers = [first]
  if (random.chance(0.3)) {
    const twin = first.colour !== null && random.chance(0.3)
    layers.push(twin ? { ...first, flip: !first.flip, colour: (first.colour + random.integer(1, colours.length)) % colours.length } : patch())
  }
  const pasted: Pasted[] = []
  for (const layer of layers) {
    const box = freeBox(random, size, pasted, layers.length === 1 ? [96, 168] : [72, 120])
    if (box) pasted.push({ layer, box, ellipse: random.chance(0.6) })
  }
  return { size, ground: { pair: random.integer(0, limit), window: squareWindow(random, 0.6), flip: random.chance(0.5), colour: null, texture: null, within: null }, pasted }
}

/** A box that touches no other, if eight tries find one. */
function freeBox(random: RandomStream, size: number, others: readonly Pasted[], [low, high]: readonly [number, number]): Pasted['box'] | null {
  for (let k = 0; k < 8; k++) {
    const [width, height] = [random.integer(low, high), random.integer(low, high)]
    const [x, y] = [random.integer(0, size - width + 1), random.integer(0, size - height + 1)]
    if (others.every(({ box }) => x >= box.x + box.width || box.x >= x + width || y >= box.y + box.height || box.y >= y + height)) return { x, y, width, height }
  }
  return null
}

/** A window of between `least` and all of the picture's short side, anywhere. */
function squareWindow(random: RandomStream, least: number): Window {
  const width = random.uniform(least, 1)
  return { width, height: width, left: random.uniform(0, 1), top: random.uniform(0, 1) }
}

function ellipse(random: RandomStream): Ellipse {
  return { x: random.uniform(0.35, 0.65), y: random.uniform(0.35, 0.65), rx: random.uniform(0.28, 0.5), ry: random.uniform(0.28, 0.5) }
}

/** Samples per side of a cell when a shape's share of it is counted. */
const SAMPLES = 8

/** For the ground, then each pasted photo: the share of every cell that it fills, [layers][cells]. */
export function regionShares({ size, pasted }: View): Float32Array[] {
  const grid = size / CELL
  const shares = [new Float32Array(grid * grid).fill(1), ...pasted.map(() => new Float32Array(grid * grid))]
  pasted.forEach(({ box, ellipse: round }, k) => {
    for (let cell = 0; cell < grid * grid; cell++) {
      let inside = 0
      for (let s = 0; s < SAMPLES * SAMPLES; s++) {
        const x = (cell % grid) * CELL + ((s % SAMPLES) + 0.5) * (CELL / SAMPLES)
        const y = Math.floor(cell / grid) * CELL + (Math.floor(s / SAMPLES) + 0.5) * (CELL / SAMPLES)
        if (coverage(box, round, x, y) > 0.5) inside++
      }
      const share = inside / (SAMPLES * SAMPLES)
      shares[k + 1]![cell] = share
      shares[0]![cell] = Math.max(0, shares[0]![cell]! - share)
    }
  })
  return shares
}

/** How much of the pasted photo stands at a point of the view, its rim soft by a few pixels. */
export function coverage({ x, y, width, height }: Pasted['box'], round: boolean, px: number, py: number): number {
  const [dx, dy] = [Math.abs(px - x - width / 2) / (width / 2), Math.abs(py - y - height / 2) / (height / 2)]
  if (!round) return dx <= 1 && dy <= 1 ? 1 : 0
  const pixels = (1 - Math.hypot(dx, dy)) * Math.min(width, height) / 2
  return Math.min(Math.max(pixels / 4 + 0.5, 0), 1)
}
