import { type RandomStream, randomStream } from '../../src/engine/random.js'
import { type Shade, colours, namesColour } from './colours.js'
import { finishes } from './finishes.js'
import { materials, substances } from './materials.js'
import { type ObjectMasks, noMasks } from './objectMasks.js'
import type { Pair } from './pairs.js'

/** A window of a picture, as shares of its sides. */
export interface Window {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** A soft ellipse in a layer, as shares of its sides. */
export interface Ellipse {
  readonly x: number
  readonly y: number
  readonly rx: number
  readonly ry: number
}

/**
 * How a photo was changed: an index into `colours`, and which shade of it; or into `materials`, with the pair whose
 * picture shows it; or into `substances`, with a picture where one is needed; or into `finishes`.
 */
export type Look =
  | { readonly of: 'colour'; readonly index: number; readonly shade: Shade }
  | { readonly of: 'material'; readonly index: number; readonly picture: number }
  | { readonly of: 'substance'; readonly index: number; readonly picture: number | null; readonly seed: number }
  | { readonly of: 'finish'; readonly index: number; readonly seed: number }

/** One photo of a view: a window of a pair's picture, maybe mirrored, maybe changed, all over or in a part. */
export interface Layer {
  readonly pair: number
  /** Null: the centre square (or the centre window of the box's shape). `object`: the box around the pair's object. */
  readonly window: Window | 'object' | null
  readonly flip: boolean
  readonly look: Look | null
  /** Where the look reaches: an ellipse, the pair's object, or (null) everywhere. */
  readonly within: Ellipse | 'object' | null
}

/** A photo pasted on another one. */
export interface Pasted {
  readonly layer: Layer
  /** Pixels of the view. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  readonly shape: 'box' | 'ellipse' | 'object'
}

/** What one picture shown to the trunk is made of. */
export interface View {
  readonly size: number
  readonly ground: Layer
  readonly pasted: readonly Pasted[]
}

/**
 * `plain`: the centre square. `crop`: a random window. `tinted`, `textured`: a random window in a named colour or a
 * material. `object`: a photo whose object alone was changed, as an edit does. `scene`: photos pasted on a photo.
 * `gathered`: objects cut out of their photos, some of them changed, on another photo.
 */
export const viewKinds = ['plain', 'scene', 'tinted', 'crop', 'textured', 'object', 'gathered'] as const
export type ViewKind = (typeof viewKinds)[number]

/**
 * Side of each kind's pictures: a crop as large as its photo, so that parts are seen enlarged; what tells of colour and
 * material, in half the time.
 */
export const viewSizes = {
  plain: 224,
  crop: 224,
  tinted: 160,
  textured: 160,
  object: 224,
  scene: 224,
  gathered: 224,
} as const satisfies Record<ViewKind, number>

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
  /** Pairs whose centre square is a view: every so-manieth, and all whose colour or material a person named. */
  readonly plain: readonly number[]
  /** Pairs that crops are made of: every second. */
  readonly cropped: readonly number[]
  /** Pairs that may be tinted: their text is a short one that names no colour. */
  readonly tintable: readonly number[]
  /** Pairs that tinted views are made of: every second of those. */
  readonly tinted: readonly number[]
  /** Pairs that a texture can be laid upon. */
  readonly texturable: readonly number[]
  /** Pictures of each material, by index. */
  readonly materials: readonly (readonly number[])[]
  /** Pictures of fire. */
  readonly fires: readonly number[]
  readonly masks: ObjectMasks
  /** Pairs whose object is known to its edges and may be changed. */
  readonly objects: readonly number[]
  readonly counts: PlannedViews
}

/**
 * How many views of the kinds that are not counted by pairs. The first `clean...` of them are made of clean pairs
 * alone.
 */
export interface PlannedViews {
  /** Of the pairs, every so-manieth has a plain view. */
  readonly plainEvery: number
  readonly scenes: number
  readonly cleanScenes: number
  readonly objects: number
  readonly cleanObjects: number
  readonly gathered: number
  readonly cleanGathered: number
}

/** A plain view of every pair, and none whose number is planned. */
export const everyPlainView: PlannedViews = {
  plainEvery: 1,
  scenes: 0,
  cleanScenes: 0,
  objects: 0,
  cleanObjects: 0,
  gathered: 0,
  cleanGathered: 0,
}

export function planViews(
  pairs: readonly Pair[],
  cleanCount: number,
  { seed, counts, masks = noMasks }: { seed: number; counts: PlannedViews; masks?: ObjectMasks },
): ViewPlan {
  const all = pairs.map((_, i) => i)
  const short = (pair: Pair): boolean => pair.texts[0]!.split(' ').length <= 4
  const tintable = all.filter((i) => {
    const pair = pairs[i]!
    return (
      ['label', 'word', 'caption'].includes(pair.kind) &&
      short(pair) &&
      !pair.texts.some(namesColour) &&
      pair.color === undefined &&
      pair.source !== 'fire'
    )
  })
  const shown = materials.map(({ pictures }) =>
    all.filter((i) => pairs[i]!.source === 'textures3d' && pictures.includes(pairs[i]!.texts[0]!)),
  )
  const fires = all.filter((i) => pairs[i]!.source === 'fire')
  // Every fourth of the unclean pairs that can be tinted: the materials are few.
  const texturable = tintable.filter((i) => i >= cleanCount && i % 4 === 0)
  const half = (list: readonly number[]): number[] => list.filter((_, k) => k % 2 === 0)
  return {
    seed,
    pairs,
    cleanCount,
    plain: all.filter((i) => i % counts.plainEvery === 0 || namesLook(pairs[i]!)),
    cropped: half(all),
    tintable,
    tinted: half(tintable),
    materials: shown,
    fires,
    texturable,
    masks,
    objects: all.filter((i) => masks.has(i)),
    counts,
  }
}

/** Whether somebody named the picture's colour, or what the thing in it is made of. */
export function namesLook({ color, source }: Pair): boolean {
  return color !== undefined || source === 'trashnet'
}

export function viewCount(plan: ViewPlan, kind: ViewKind): number {
  const { counts } = plan
  return {
    plain: plan.plain.length,
    crop: plan.cropped.length,
    tinted: plan.tinted.length,
    textured: plan.texturable.length,
    object: plan.objects.length === 0 ? 0 : counts.objects,
    scene: counts.scenes,
    gathered: plan.objects.length === 0 ? 0 : counts.gathered,
  }[kind]
}

/** How many of a kind's views, the first ones, are made of clean pairs alone. */
export function cleanViewCount(plan: ViewPlan, kind: ViewKind): number {
  const { counts } = plan
  return {
    plain: cleanOf(plan, plan.plain),
    crop: cleanOf(plan, plan.cropped),
    tinted: cleanOf(plan, plan.tinted),
    textured: 0,
    object: cleanOf(plan, plan.objects) === 0 ? 0 : counts.cleanObjects,
    scene: counts.cleanScenes,
    gathered: cleanOf(plan, plan.objects) === 0 ? 0 : counts.cleanGathered,
  }[kind]
}

/** How many of the pairs in a list, the first ones, are clean. */
function cleanOf({ cleanCount }: ViewPlan, list: readonly number[]): number {
  return list.filter((i) => i < cleanCount).length
}

/** View number `i` of a kind: the same for the same seed, whatever else was drawn. */
export function drawView(plan: ViewPlan, kind: ViewKind, i: number): View {
  const random = randomStream(plan.seed, kind, i)
  const size = viewSizes[kind]
  const layer = (pair: number, changes: Partial<Layer>): Layer => ({
    pair,
    window: null,
    flip: random.chance(0.5),
    look: null,
    within: null,
    ...changes,
  })
  const alone = (ground: Layer): View => ({ size, ground, pasted: [] })
  const within = (): Ellipse | null => (random.chance(0.4) ? null : ellipse(random))
  switch (kind) {
    case 'plain':
      return alone({ ...layer(plan.plain[i]!, {}), flip: false })
    case 'crop':
      return alone(layer(plan.cropped[i]!, { window: squareWindow(random, 0.55) }))
    case 'tinted':
      return alone(
        layer(plan.tinted[i]!, { window: squareWindow(random, 0.7), look: someColour(random), within: within() }),
      )
    case 'textured':
      return alone(
        layer(plan.texturable[i]!, {
          window: squareWindow(random, 0.7),
          look: someMaterial(plan, random),
          within: within(),
        }),
      )
    case 'object': {
      const clean = i < plan.counts.cleanObjects
      const objects = clean ? cleanOf(plan, plan.objects) : plan.objects.length
      const pair = plan.objects[random.integer(0, objects)]!
      return alone(
        layer(pair, { window: squareWindow(random, 0.8), look: someLook(plan, clean, random), within: 'object' }),
      )
    }
    case 'scene':
      return drawScene(plan, i, random)
    case 'gathered':
      return drawGathered(plan, i, random)
  }
}

/** Shares of the looks that are drawn. */
const looks = { colour: 0.42, material: 0.22, finish: 0.22, substance: 0.14 } as const

const someColour = (random: RandomStream): Look => ({
  of: 'colour',
  index: random.integer(0, colours.length),
  shade: someShade(random),
})

const someShade = (random: RandomStream): Shade => ({ hue: random.uniform(-1, 1), light: random.uniform(-1, 1) })

function someMaterial(plan: ViewPlan, random: RandomStream): Look {
  const shown = plan.materials.flatMap((pictures, index) => (pictures.length > 0 ? [index] : []))
  const index = shown[random.integer(0, shown.length)]!
  const pictures = plan.materials[index]!
  return { of: 'material', index, picture: pictures[random.integer(0, pictures.length)]! }
}

/** Clean views have colours, finishes and the substances that need no picture. */
function someLook(plan: ViewPlan, clean: boolean, random: RandomStream): Look {
  const share = random.uniform()
  if (share < looks.colour) return someColour(random)
  if (share < looks.colour + looks.finish)
    return { of: 'finish', index: random.integer(0, finishes.length), seed: random.integer(0, 2 ** 31) }
  if (!clean && share < looks.colour + looks.finish + looks.material) return someMaterial(plan, random)
  const possible = substances.flatMap((substance, index) => (clean && substance.picture ? [] : [index]))
  const index = possible[random.integer(0, possible.length)]!
  const picture = substances[index]!.picture ? plan.fires[random.integer(0, plan.fires.length)]! : null
  return { of: 'substance', index, picture, seed: random.integer(0, 2 ** 31) }
}

/**
 * A photo with another pasted on it, or two; a quarter of the pasted are tinted, some of the twos are one photo in two
 * colours.
 */
function drawScene(plan: ViewPlan, i: number, random: RandomStream): View {
  const size = viewSizes.scene
  const clean = i < plan.counts.cleanScenes
  const limit = clean ? plan.cleanCount : plan.pairs.length
  const tintable = clean ? cleanOf(plan, plan.tintable) : plan.tintable.length
  const patch = (): Layer => {
    const change = random.uniform()
    const base = { window: squareWindow(random, 0.6), flip: random.chance(0.5), within: null }
    if (change < 0.25) return { ...base, pair: plan.tintable[random.integer(0, tintable)]!, look: someColour(random) }
    if (change < 0.35 && !clean)
      return {
        ...base,
        pair: plan.texturable[random.integer(0, plan.texturable.length)]!,
        look: someMaterial(plan, random),
      }
    return { ...base, pair: random.integer(0, limit), look: null }
  }
  const first = patch()
  const layers = [first]
  if (random.chance(0.3))
    layers.push(
      first.look?.of === 'colour' && random.chance(0.3) ? inAnotherColour(first, first.look, random) : patch(),
    )
  const pasted: Pasted[] = []
  for (const layer of layers) {
    const box = freeBox(random, size, pasted, () => {
      const [low, high] = layers.length === 1 ? [96, 168] : [72, 120]
      return { width: random.integer(low, high), height: random.integer(low, high) }
    })
    if (box) pasted.push({ layer, box, shape: random.chance(0.6) ? 'ellipse' : 'box' })
  }
  return {
    size,
    ground: someGround(limit, random),
    pasted,
  }
}

/**
 * One to three objects on a photo, each as large as its shape allows; half of them changed, some of the pairs one
 * object in two looks.
 */
function drawGathered(plan: ViewPlan, i: number, random: RandomStream): View {
  const size = viewSizes.gathered
  const clean = i < plan.counts.cleanGathered
  const limit = clean ? plan.cleanCount : plan.pairs.length
  const objects = clean ? cleanOf(plan, plan.objects) : plan.objects.length
  const object = (): Layer => ({
    pair: plan.objects[random.integer(0, objects)]!,
    window: 'object',
    flip: random.chance(0.5),
    look: random.chance(0.5) ? someLook(plan, clean, random) : null,
    within: null,
  })
  const first = object()
  const wanted = random.integer(1, MOST_GATHERED + 1)
  const layers = [first]
  if (wanted > 1 && random.chance(0.3))
    layers.push({
      ...first,
      flip: !first.flip,
      look:
        first.look?.of === 'colour' ? inAnotherColour(first, first.look, random).look : someLook(plan, clean, random),
    })
  while (layers.length < wanted) layers.push(object())
  const pasted: Pasted[] = []
  for (const layer of layers) {
    const box = freeBox(random, size, pasted, () => {
      const [low, high] = wanted === 1 ? [110, 200] : [80, 128]
      const long = random.integer(low, high)
      const aspect = plan.masks.box(layer.pair).aspect
      return {
        width: Math.max(16, Math.round(Math.min(long, long * aspect))),
        height: Math.max(16, Math.round(Math.min(long, long / aspect))),
      }
    })
    if (box) pasted.push({ layer, box, shape: 'object' })
  }
  return {
    size,
    ground: someGround(limit, random),
    pasted,
  }
}

const MOST_GATHERED = 3

function inAnotherColour(layer: Layer, { index }: Look, random: RandomStream): Layer {
  return {
    ...layer,
    flip: !layer.flip,
    look: {
      of: 'colour',
      index: (index + random.integer(1, colours.length)) % colours.length,
      shade: someShade(random),
    },
  }
}

/** A window of one of the first `limit` pairs, as it is. */
const someGround = (limit: number, random: RandomStream): Layer => ({
  pair: random.integer(0, limit),
  window: squareWindow(random, 0.6),
  flip: random.chance(0.5),
  look: null,
  within: null,
})

/** A box that touches no other, if eight tries find one. */
function freeBox(
  random: RandomStream,
  size: number,
  others: readonly Pasted[],
  shape: () => { width: number; height: number },
): Pasted['box'] | null {
  for (let k = 0; k < 8; k++) {
    const { width, height } = shape()
    const [x, y] = [random.integer(0, size - width + 1), random.integer(0, size - height + 1)]
    if (
      others.every(
        ({ box }) => x >= box.x + box.width || box.x >= x + width || y >= box.y + box.height || box.y >= y + height,
      )
    )
      return { x, y, width, height }
  }
  return null
}

/** A window of between `least` and all of the picture's short side, anywhere. */
function squareWindow(random: RandomStream, least: number): Window {
  const width = random.uniform(least, 1)
  return { width, height: width, left: random.uniform(0, 1), top: random.uniform(0, 1) }
}

function ellipse(random: RandomStream): Ellipse {
  return {
    x: random.uniform(0.35, 0.65),
    y: random.uniform(0.35, 0.65),
    rx: random.uniform(0.28, 0.5),
    ry: random.uniform(0.28, 0.5),
  }
}

/** Samples per side of a cell when a shape's share of it is counted. */
const SAMPLES = 8

/** For the ground, then each pasted photo: the share of every cell that it fills, [layers][cells]. */
export function regionShares({ size, pasted }: View, masks: ObjectMasks = noMasks): Float32Array[] {
  const grid = size / CELL
  const shares = [new Float32Array(grid * grid).fill(1), ...pasted.map(() => new Float32Array(grid * grid))]
  pasted.forEach((each, k) => {
    const covers = coverage(each, masks)
    for (let cell = 0; cell < grid * grid; cell++) {
      let inside = 0
      for (let s = 0; s < SAMPLES * SAMPLES; s++) {
        const x = (cell % grid) * CELL + ((s % SAMPLES) + 0.5) * (CELL / SAMPLES)
        const y = Math.floor(cell / grid) * CELL + (Math.floor(s / SAMPLES) + 0.5) * (CELL / SAMPLES)
        if (covers(x, y) > 0.5) inside++
      }
      const share = inside / (SAMPLES * SAMPLES)
      shares[k + 1]![cell] = share
      shares[0]![cell] = Math.max(0, shares[0]![cell]! - share)
    }
  })
  return shares
}

/**
 * How much of a pasted photo stands at a point of the view, in pixels; an ellipse's rim is soft by a few of them, an
 * object's by its mask.
 */
export function coverage(
  { box: { x, y, width, height }, shape, layer }: Pasted,
  masks: ObjectMasks,
): (px: number, py: number) => number {
  if (shape === 'object') {
    const within = masks.box(layer.pair)
    return (px, py) => {
      const [u, v] = [(px - x) / width, (py - y) / height]
      if (u < 0 || u > 1 || v < 0 || v > 1) return 0
      return masks.at(layer.pair, within.left + (layer.flip ? 1 - u : u) * within.width, within.top + v * within.height)
    }
  }
  return (px, py) => {
    const [dx, dy] = [Math.abs(px - x - width / 2) / (width / 2), Math.abs(py - y - height / 2) / (height / 2)]
    if (shape === 'box') return dx <= 1 && dy <= 1 ? 1 : 0
    const pixels = ((1 - Math.hypot(dx, dy)) * Math.min(width, height)) / 2
    return Math.min(Math.max(pixels / 4 + 0.5, 0), 1)
  }
}
