import { boxMean } from '../media/boxMean.js'
import type { FloatImage } from '../media/image.js'
import { lumaAt } from '../media/luma.js'
import { type GrainMaterial, grainPattern, snowDepth } from './grainPatterns.js'
import type { Sight } from './sight.js'

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
/** Snow covers a thing only behind "covered" and the like, or as "snow covered": a dog in snow stands in it. */
const underSnow: ReadonlySet<string> = new Set(['in snow', 'with snow', 'by snow', 'under snow', 'beneath snow'])
const covering: ReadonlySet<string> = new Set(['covered', 'dusted', 'blanketed', 'capped', 'topped', 'buried'])
/** How much snow, and of what kind. */
const SNOW = (() => {
  const kinds = String.raw`(?:(?:deep|thick|fresh|heavy|white|powdery)[\s,]+)*`
  return new RegExp(
    String.raw`\b(?:an?\s+)?${kinds}(?:(?:layer|blanket|coat|coating|dusting)\s+of\s+)?${kinds}snow\b`,
    'g',
  )
})()
const materialOf = new Map(
  Object.entries(materialWords).flatMap(([material, words]) =>
    words.map((word) => [word, material as GrainMaterial] as const),
  ),
)
/** After these another thing is spoken of: "dog on a wooden floor". */
const elsewhere: ReadonlySet<string> = new Set(
  'on in at by beside behind near under beneath over above below before between through from to into onto against around with without and or wearing'.split(
    ' ',
  ),
)
/** Before "in", "with", "by" and the like these still speak of what the thing is made of. */
const made: ReadonlySet<string> = new Set(['made', 'built', 'carved', ...covering])
/** Before these a material's word is a colour, or part of a name. */
const meanOther: ReadonlySet<string> = new Set('colored coloured color colour white owl egret'.split(' '))

/**
 * The materials that a prompt says its thing is of or lies under: "wooden dog", "dog made of wood", not "dog on a
 * wooden floor"; nor "dog, wooden floor".
 */
function materialsIn(prompt: string): GrainMaterial[] {
  const [thing = '', ...further] = prompt
    .toLowerCase()
    .replace(SNOW, 'snow')
    .split(/[,;:.]/)
  const ofIt = further.map(wordsOf).filter(([first = '']) => made.has(first))
  return [wordsOf(thing), ...ofIt].flatMap(materialsOf)
}

const wordsOf = (text: string): readonly string[] => text.match(/\p{L}+/gu) ?? []

function materialsOf(words: readonly string[]): GrainMaterial[] {
  const found: GrainMaterial[] = []
  for (const [i, word] of words.entries()) {
    const [before = '', next = '', last] = [words[i - 1], words[i + 1], words[i + 2]]
    const pair = `${word} ${next}`
    const state = states.get(pair) ?? (covering.has(before) && underSnow.has(pair) ? 'snow' : undefined)
    // "On fire trucks" is about trucks.
    if (i > 0 && state && (last === undefined || elsewhere.has(last))) return [...found, state]
    if (i > 0 && elsewhere.has(word) && !made.has(before)) return found
    const isCovering = word === 'snow' && covering.has(next) && last !== undefined && !elsewhere.has(last)
    const material = isCovering ? 'snow' : materialOf.get(word)
    if (material && !meanOther.has(next)) found.push(material)
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
/** How light snow is, and the units over which it ends. */
const [SNOW_LIGHT, SNOW_EDGE] = [0.92, 4]
/** Luminance below which no ratio is taken, and the largest ratio. */
const [DARKEST, LARGEST] = [0.02, 4]

/**
 * The grain of a material on the object. The pattern is bent where the object's outline turns away; shading stays, the
 * photo's own detail steps back. Outside the object nothing changes; something is added by a material that lies on it.
 * @param object where it is, one channel of the photo's size, [0, 1]
 * @param strength of the grain; 1 as the material has it
 */
export function grainOn(
  photo: FloatImage,
  object: FloatImage,
  { material, seed, strength }: { readonly material: GrainMaterial; readonly seed: number; readonly strength: number },
): Sight {
  const { width, height } = photo
  const n = width * height
  const area = object.data.reduce((sum, x) => sum + x, 0)
  const scale = Math.max(Math.sqrt(area) * SCALE.share, SCALE.least)
  const pattern = grainPattern(material, seed)
  const luma = new Float32Array(n).map((_, i) => lumaAt(photo.data, i, n))
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
  const times = new Float32Array(n).fill(1)
  const plus = new Float32Array(n)
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
      const ratio = (own * (1 + strength * (grain - 1))) / Math.max(luma[i]!, DARKEST)
      const covered = Math.min(strength, 1) * (lying?.[i] ?? 0)
      times[i] = 1 + within * ((1 - covered) * Math.min(Math.max(ratio, 0), LARGEST) - 1)
      if (lying) plus[i] = within * covered * SNOW_LIGHT * grain
    }
  }
  const map = (data: Float32Array): FloatImage => ({ width, height, channels: 1, data })
  return { times: map(times), plus: map(plus) }
}

/**
 * How much of each place lies under the snow that fell on the object, [0, 1]: in each column from the first of it down,
 * deeper here than there; none where the object goes on above the photo.
 */
function snowOn({ width, height, data }: FloatImage, scale: number, seed: number): ArrayLike<number> {
  const depth = snowDepth(seed)
  const [lying, beneath] = [new Float32Array(width * height), new Float32Array(width * height)]
  for (let x = 0; x < width; x++) {
    const thick = depth(x / scale)
    let top = 0
    while (top < height && data[top * width + x]! < 0.5) top++
    for (let y = top; y < height; y++) {
      const i = y * width + x
      beneath[i] = 1
      if (top > 0) lying[i] = Math.min(Math.max((thick - (y - top) / scale) / SNOW_EDGE, 0), 1)
    }
  }
  // Smooth from column to column, without what is above the object.
  const radius = Math.max(1, Math.round(SNOW_EDGE * scale))
  const [sum, share] = [lying, beneath].map((plane) => boxMean(plane, width, height, radius)) as [
    Float64Array,
    Float64Array,
  ]
  return sum.map((x, i) => (beneath[i]! > 0 ? Math.min(Math.max(x / share[i]!, 0), 1) : 0))
}
