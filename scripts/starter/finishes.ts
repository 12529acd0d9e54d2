import type { FloatImage } from '../../src/media/image.js'
import { lumaAt } from '../../src/media/luma.js'
import { grainOn } from '../../src/method/grain.js'
import { seenBy } from '../../src/method/sight.js'
import type { GrainMaterial } from '../../src/method/grainPatterns.js'
import { spread } from './colours.js'

type Rgb = readonly [number, number, number]

/** Colours from the shade to the highlights, sRGB, evenly spaced. */
type Ramp = readonly [Rgb, Rgb, Rgb, Rgb, Rgb]

/** What a thing is of: how that is said ("{}" is the thing), the grain it bears, its colours under its own light. */
export interface Finish {
  /** Of the colours, materials and substances of the starter model's views that are this. */
  readonly names: readonly string[]
  readonly forms: readonly string[]
  readonly grain: GrainMaterial | null
  /** Null: the photo's own. */
  readonly ramp: Ramp | null
  /** Shows the light and the dark around it in bands. */
  readonly polished: boolean
}

/**
 * What is painted by rule, for the model's views and for the lessons of the generator's start. What a metal reflects is
 * coloured by it once for each reflection: in the shade, which is lit by the thing itself, its hue is deeper; in the
 * highlights it is nearly the light's.
 */
export const finishes: readonly Finish[] = [
  {
    names: ['gold'],
    forms: ['golden {}', 'gold {}', '{} made of gold', 'brass {}'],
    grain: null,
    polished: true,
    ramp: [
      [0.15, 0.06, 0.01],
      [0.5, 0.28, 0.05],
      [0.85, 0.61, 0.16],
      [0.98, 0.85, 0.44],
      [1, 0.98, 0.86],
    ],
  },
  {
    names: ['silver'],
    forms: ['silver {}', '{} made of silver', 'chrome {}'],
    grain: null,
    polished: true,
    ramp: [
      [0.07, 0.07, 0.09],
      [0.32, 0.33, 0.36],
      [0.67, 0.68, 0.71],
      [0.9, 0.91, 0.93],
      [1, 1, 1],
    ],
  },
  {
    names: ['bronze'],
    forms: ['bronze {}', '{} made of bronze'],
    grain: null,
    polished: true,
    ramp: [
      [0.1, 0.05, 0.02],
      [0.32, 0.18, 0.07],
      [0.58, 0.37, 0.16],
      [0.83, 0.64, 0.36],
      [1, 0.92, 0.74],
    ],
  },
  {
    names: ['copper'],
    forms: ['copper {}', '{} made of copper'],
    grain: null,
    polished: true,
    ramp: [
      [0.13, 0.04, 0.02],
      [0.42, 0.18, 0.09],
      [0.77, 0.42, 0.25],
      [0.95, 0.7, 0.52],
      [1, 0.94, 0.86],
    ],
  },
  {
    names: ['metal'],
    forms: ['metal {}', '{} made of metal', 'steel {}', 'iron {}'],
    grain: null,
    polished: true,
    ramp: [
      [0.06, 0.07, 0.08],
      [0.25, 0.27, 0.3],
      [0.5, 0.53, 0.57],
      [0.8, 0.83, 0.86],
      [1, 1, 1],
    ],
  },
  {
    names: ['wood'],
    forms: ['wooden {}', '{} made of wood', 'wood {}', 'oak {}'],
    grain: 'wood',
    polished: false,
    ramp: [
      [0.15, 0.07, 0.03],
      [0.36, 0.2, 0.09],
      [0.61, 0.39, 0.2],
      [0.79, 0.57, 0.35],
      [0.93, 0.78, 0.58],
    ],
  },
  {
    names: ['brick'],
    forms: ['brick {}', '{} made of bricks', '{} built with bricks'],
    grain: 'brick',
    polished: false,
    ramp: [
      [0.2, 0.07, 0.05],
      [0.42, 0.17, 0.11],
      [0.63, 0.29, 0.2],
      [0.76, 0.52, 0.43],
      [0.88, 0.83, 0.77],
    ],
  },
  {
    names: ['marble'],
    forms: ['marble {}', '{} made of marble', 'white marble {}'],
    grain: 'marble',
    polished: false,
    ramp: [
      [0.3, 0.31, 0.35],
      [0.6, 0.61, 0.64],
      [0.86, 0.86, 0.86],
      [0.95, 0.95, 0.94],
      [1, 1, 1],
    ],
  },
  {
    names: ['knitted', 'wool'],
    forms: ['knitted {}', 'knitted wool {}', 'crocheted {}'],
    grain: 'knitted',
    polished: false,
    ramp: null,
  },
  {
    names: ['leather'],
    forms: ['leather {}', '{} made of leather'],
    grain: null,
    polished: false,
    ramp: [
      [0.08, 0.04, 0.02],
      [0.24, 0.12, 0.06],
      [0.43, 0.24, 0.12],
      [0.62, 0.4, 0.23],
      [0.88, 0.74, 0.58],
    ],
  },
  {
    names: ['rust'],
    forms: ['rusty {}', 'rusted {}', '{} covered in rust'],
    grain: 'rust',
    polished: false,
    ramp: [
      [0.1, 0.04, 0.02],
      [0.3, 0.12, 0.05],
      [0.55, 0.25, 0.08],
      [0.73, 0.41, 0.17],
      [0.86, 0.64, 0.42],
    ],
  },
  {
    names: ['fire'],
    forms: ['{} on fire', 'burning {}', '{} in flames', '{} made of fire'],
    grain: 'fire',
    polished: false,
    ramp: [
      [0.1, 0, 0],
      [0.55, 0.08, 0],
      [0.95, 0.38, 0.03],
      [1, 0.78, 0.2],
      [1, 0.97, 0.78],
    ],
  },
]

/**
 * A photo whose part bears the finish's grain, as a run shows it to its generator; the photo where the finish has none.
 * @param amount where the part is, [n], [0, 1]
 */
export function withGrainOf(
  { grain }: Finish,
  photo: FloatImage,
  amount: Float32Array,
  { seed, strength }: { readonly seed: number; readonly strength: number },
): FloatImage {
  if (grain === null || strength === 0) return photo
  return seenBy(grainOn(photo, { ...photo, channels: 1, data: amount }, { material: grain, seed, strength }), photo)
}

/** How many deviations of the part's brightness lie between its darkest and its lightest colour. */
const RANGE = 4.2
/** Height of the bands in polished things. */
const BANDS = 0.1
/** A part that is as even as this is taken to have so much relief. */
const EVEN = 0.05

/**
 * A photo [3, n] with the part of it that `amount` [n] tells in the finish's colours, under the part's own light. The
 * photo has the finish's grain already.
 */
export function inFinish(photo: Float32Array, amount: Float32Array, { ramp, polished }: Finish): Float32Array {
  if (ramp === null) return photo.slice()
  const n = amount.length
  const bright = new Float32Array(n).map((_, i) => lumaAt(photo, i, n))
  const { mean, deviation } = spread(bright, amount)
  return photo.map((own, at) => {
    const [c, i] = [Math.floor(at / n), at % n]
    const light = 0.5 + (bright[i]! - mean) / (RANGE * Math.max(deviation, EVEN))
    const bands = polished ? BANDS * Math.sin(4 * Math.PI * light) : 0
    return own + amount[i]! * (onRamp(ramp, Math.min(Math.max(light + bands, 0), 1), c) - own)
  })
}

function onRamp(ramp: Ramp, light: number, c: number): number {
  const place = light * (ramp.length - 1)
  const k = Math.min(Math.floor(place), ramp.length - 2)
  const [low, high] = [ramp[k]![c]!, ramp[k + 1]![c]!]
  return low + (place - k) * (high - low)
}
