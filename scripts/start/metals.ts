import { luminance, spread } from '../starter/colours.js'

type Rgb = readonly [number, number, number]

/** A metal, how things of it are said ("{}" is the thing), and its colours from the shade to the highlights, sRGB. */
export interface Metal {
  readonly forms: readonly string[]
  readonly ramp: readonly [Rgb, Rgb, Rgb, Rgb, Rgb]
}

/**
 * Metals that lessons are painted in. What a metal reflects is coloured by it once for each reflection: in the shade,
 * which is lit by the thing itself, its hue is deeper; in the highlights it is nearly the light's.
 */
export const metals: readonly Metal[] = [
  {
    forms: ['golden {}', 'gold {}', '{} made of gold', 'brass {}'],
    ramp: [
      [0.15, 0.06, 0.01],
      [0.5, 0.28, 0.05],
      [0.85, 0.61, 0.16],
      [0.98, 0.85, 0.44],
      [1, 0.98, 0.86],
    ],
  },
  {
    forms: ['silver {}', '{} made of silver', 'chrome {}'],
    ramp: [
      [0.07, 0.07, 0.09],
      [0.32, 0.33, 0.36],
      [0.67, 0.68, 0.71],
      [0.9, 0.91, 0.93],
      [1, 1, 1],
    ],
  },
  {
    forms: ['bronze {}', '{} made of bronze'],
    ramp: [
      [0.1, 0.05, 0.02],
      [0.32, 0.18, 0.07],
      [0.58, 0.37, 0.16],
      [0.83, 0.64, 0.36],
      [1, 0.92, 0.74],
    ],
  },
  {
    forms: ['copper {}', '{} made of copper'],
    ramp: [
      [0.13, 0.04, 0.02],
      [0.42, 0.18, 0.09],
      [0.77, 0.42, 0.25],
      [0.95, 0.7, 0.52],
      [1, 0.94, 0.86],
    ],
  },
  {
    forms: ['metal {}', '{} made of metal', 'steel {}', 'iron {}'],
    ramp: [
      [0.06, 0.07, 0.08],
      [0.25, 0.27, 0.3],
      [0.5, 0.53, 0.57],
      [0.8, 0.83, 0.86],
      [1, 1, 1],
    ],
  },
]

/** How many deviations of the part's brightness lie between its darkest and its lightest metal. */
const RANGE = 4.2
/** Height of the bands in which polished things show the light and the dark around them. */
const BANDS = 0.1
/** A part that is as even as this is taken to have so much relief. */
const EVEN = 0.05

/** A photo [3, n] with the part of it that `amount` tells [n] of a metal, under the part's own light. */
export function ofMetal(photo: Float32Array, amount: Float32Array, { ramp }: Metal): Float32Array {
  const n = amount.length
  const bright = Float32Array.from({ length: n }, (_, i) => luminance(photo[i]!, photo[n + i]!, photo[2 * n + i]!))
  const { mean, deviation } = spread(bright, amount)
  return Float32Array.from(photo, (own, at) => {
    const [c, i] = [Math.floor(at / n), at % n]
    const light = 0.5 + (bright[i]! - mean) / (RANGE * Math.max(deviation, EVEN))
    const shown = Math.min(Math.max(light + BANDS * Math.sin(4 * Math.PI * light), 0), 1)
    return own + amount[i]! * (onRamp(ramp, shown, c) - own)
  })
}

function onRamp(ramp: Metal['ramp'], light: number, c: number): number {
  const place = light * (ramp.length - 1)
  const k = Math.min(Math.floor(place), ramp.length - 2)
  const [low, high] = [ramp[k]![c]!, ramp[k + 1]![c]!]
  return low + (place - k) * (high - low)
}
