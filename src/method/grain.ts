import { boxMean } from '../media/boxMean.js'
import { connectedParts } from '../media/connectedParts.js'
import type { FloatImage } from '../media/image.js'
import { type GrainMaterial, grainPattern, snowDepth } from './grainPatterns.js'

/** Words that name a material, as adjective or noun. */
const materialWords: Readonly<Record<GrainMaterial, readonly string[]>> = {
  wood: ['wood', 'wooden', 'timber', 'oak', 'walnut'],
  brick: ['brick', 'bricks', 'brickwork'],
  knitted: ['knitted', 'knit', 'woolen', 'woollen', 'wool', 'crocheted', 'crochet'],
  marble: ['marble'],
  rust: ['rusty', 'rusted', 'corroded'],
  fire: ['burning', 'flaming', 'blazing', 'fiery'],
  snow: ['snowy'],
}
/** Two words behind the thing that say what it is of: "rocket on fire", "car covered in rust". */
const states: ReadonlyMap<string, GrainMaterial> = new Map([
  ['on fire', 'fire'],
  ['in flames', 'fire'],
  ['of flames', 'fire'],
  ['of fire', 'fire'],
  ['in rust', 'rust'],
  ['with rust', 'rust'],
  ['of rust', 'rust'],
])
/** The same, but only behind "covered" and the like, or as "snow covered": a dog in snow stands in it. */
const coverings: ReadonlyMap<string, GrainMaterial> = new Map([
  ['in snow', 'snow'],
  ['with snow', 'snow'],
  ['by snow', 'snow'],
])
const covered = new Set(['covered', 'dusted', 'blanketed', 'capped', 'topped'])
const HOW_SNOW_IS = /\b(?:(?:deep|thick|fresh|heavy|white|powdery)\s+)+snow\b/g
const materialOf = new Map(
  Object.entries(materialWords).flatMap(([material, words]) =>
    words.map((word) => [word, material as GrainMaterial] as const),
  ),
)
/** After these another thing is spoken of: "dog on a wooden floor". */
const elsewhere = new Set(
  'on in at by beside behind near under over above below before between through from to into onto against around with without and or wearing'.split(
    ' ',
  ),
)
/** Before "in", "with", "by" and the like these still speak of what the thing is made of. */
const made = new Set(['made', 'covered', 'built', 'carved'])

/**
 * The materials that a prompt says its thing is of or lies under: "wooden dog", "dog made of wood", not "dog on a wooden
 * floor".
 */
function materialsIn(prompt: string): GrainMaterial[] {
  const plain = prompt.toLowerCase().replace(HOW_SNOW_IS, 'snow')
  const words = plain.match(/\p{L}+/gu) ?? []
  const found: GrainMaterial[] = []
  for (const [i, word] of words.entries()) {
    const pair = words.slice(i, i + 2).join(' ')
    const state = states.get(pair) ?? (covered.has(words[i - 1] ?? '') ? coverings.get(pair) : undefined)
    // "On fire trucks" is about trucks.
    if (i > 0 && state && (words.length === i + 2 || elsewhere.has(words[i + 2]!))) return [...found, state]
    if (i > 0 && elsewhere.has(word) && !made.has(words[i - 1]!)) return found
    const material = materialOf.get(word) ?? (covered.has(words[i + 1] ?? '') ? coverings.get(`in ${word}`) : undefined)
    // "Brick coloured" is a colour.
    if (material && !/^(colou?red|colou?r)$/.test(words[i + 1] ?? '')) found.push(material)
  }
  return found
}

/** The first material that a prompt asks for and that what the photo shows is not said to be of already; or null. */
export function askedMaterial(prompts: readonly string[], sources: readonly string[]): GrainMaterial | null {
  const there = new Set(sources.flatMap(materialsIn))
  return prompts.flatMap(materialsIn).find((material) => !there.has(material)) ?? null
}

/** Pixels of the photo for one unit of a pattern: a share of the object's size, but never finer than can be drawn. */
const SCALE = { share: 1 / 280, least: 0.55 } as const
/** Share of the photo's own detail that stays beside the grain. */
const OWN_DETAIL = 0.55
/** Window, in units of the pattern, over which the photo's detail is told from its shading. */
const SHADING = 5
/** Radius, as a share of the object's size, of the blur whose slope tells how the object turns away at its edges. */
const ROUNDNESS = 0.15
/** How far the pattern is drawn together where it turns away. */
const BEND = 0.5
/** Luminance of snow, and the units over which it ends. */
const [SNOW, SNOW_EDGE] = [0.92, 4]
/** Luminance below which no ratio is taken, and the largest ratio. */
const [DARKEST, LARGEST] = [0.02, 4]

/**
 * What the photo's colours are to be multiplied with, so that the object bears a material's grain: one channel of the
 * photo's size, 1 outside the object. The pattern is bent where the object's outline turns away; shading stays, the
 * photo's own detail steps back.
 * @param object where it is, one channel of the photo's size, [0, 1]
 * @param strength of the grain; 1 as the material has it
 */
export function grainMap(
  photo: FloatImage,
  object: FloatImage,
  { material, seed, strength }: { readonly material: GrainMaterial; readonly seed: number; readonly strength: number },
): FloatImage {
  const { width, height } = photo
  const n = width * height
  const area = object.data.reduce((sum, x) => sum + x, 0)
  const scale = Math.max(Math.sqrt(area) * SCALE.share, SCALE.least)
  const pattern = grainPattern(material, seed)
  const luma = Float32Array.from(
    { length: n },
    (_, i) => 0.299 * photo.data[i]! + 0.587 * photo.data[n + i]! + 0.114 * photo.data[2 * n + i]!,
  )
  const window = Math.max(1, Math.round(SHADING * scale))
  const twice = (plane: Float32Array, radius: number) =>
    boxMean(boxMean(plane, width, height, radius), width, height, radius)
  const lit = twice(
    luma.map((x, i) => x * object.data[i]!),
    window,
  )
  const inside = twice(object.data, window)
  const radius = Math.max(1, Math.round(ROUNDNESS * Math.sqrt(area)))
  const swelling = twice(object.data, radius)
  const lying = material === 'snow' ? snowOn(object, scale, seed) : null
  const data = new Float32Array(n).fill(1)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      const within = object.data[i]!
      if (within < 1 / 255) continue
      const slopeX = swelling[i - (x > 0 ? 1 : 0)]! - swelling[i + (x + 1 < width ? 1 : 0)]!
      const slopeY = swelling[i - (y > 0 ? width : 0)]! - swelling[i + (y + 1 < height ? width : 0)]!
      const bend = -BEND * radius ** 2
      const grain = pattern((x + bend * slopeX) / scale, (y + bend * slopeY) / scale)
      const shading = lit[i]! / Math.max(inside[i]!, 1e-3)
      const own = OWN_DETAIL * luma[i]! + (1 - OWN_DETAIL) * shading
      const ratio = Math.min(Math.max((own * (1 + strength * (grain - 1))) / Math.max(luma[i]!, DARKEST), 0), LARGEST)
      const snow = Math.min(strength, 1) * (lying?.[i] ?? 0)
      data[i] = 1 + within * (ratio + snow * ((SNOW * grain) / Math.max(luma[i]!, DARKEST) - ratio) - 1)
    }
  }
  return { width, height, channels: 1, data }
}

/**
 * How much of each place lies under the snow on the object, [0, 1]: from its upper edges down, deeper here than there.
 * None lies below the photo's own edge, above which the object goes on, nor in holes that the object closes round.
 */
function snowOn(object: FloatImage, scale: number, seed: number): ArrayLike<number> {
  const { width, height, data } = object
  const n = width * height
  const isBorder = (i: number) => i < width || i >= n - width || i % width === 0 || i % width === width - 1
  const open = new Uint8Array(n)
  for (const part of connectedParts(object, (i) => data[i]! < 0.5))
    if (part.some(isBorder)) for (const i of part) open[i] = 1
  const depth = snowDepth(seed)
  const below = new Float32Array(n)
  for (let i = 0; i < n; i++) below[i] = open[i] ? 0 : i < width ? Infinity : 1 + below[i - width]!
  const left = below.map((pixels, i) => (depth((i % width) / scale) - pixels / scale) / SNOW_EDGE)
  const lying = left.map((x, i) => (open[i] ? 0 : Math.min(Math.max(x, 0), 1)))
  return boxMean(lying, width, height, Math.max(1, Math.round(SNOW_EDGE * scale)))
}

/** The photo as the generator sees it. */
export function withGrain(photo: FloatImage, { data: grain }: FloatImage): FloatImage {
  return { ...photo, data: photo.data.map((x, i) => Math.min(x * grain[i % grain.length]!, 1)) }
}
