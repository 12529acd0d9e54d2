import { lumaAt, lumaOf } from '../../src/media/luma.js'

/** A colour by name, as sRGB in [0, 1]. Metals get highlights. */
export interface NamedColour {
  readonly name: string
  readonly rgb: readonly [number, number, number]
  readonly metal?: boolean
  /**
   * How far its shades reach either way and still have its name: degrees of the hue, a share of the brightness. None
   * where absent: metals, white and what lies next to another name.
   */
  readonly reach?: { readonly hue: number; readonly light: number }
}

/** Which shade of a colour: from -1 to 1 of how far its hue and its brightness reach. */
export interface Shade {
  readonly hue: number
  readonly light: number
}

/** The colours that views are tinted with. */
export const colours = [
  { name: 'red', rgb: [0.86, 0.08, 0.1], reach: { hue: 6, light: 0.12 } },
  { name: 'orange', rgb: [0.98, 0.52, 0.05], reach: { hue: 10, light: 0.06 } },
  { name: 'yellow', rgb: [0.98, 0.86, 0.1], reach: { hue: 6, light: 0.06 } },
  { name: 'green', rgb: [0.12, 0.62, 0.2], reach: { hue: 22, light: 0.15 } },
  { name: 'blue', rgb: [0.1, 0.3, 0.88], reach: { hue: 16, light: 0.15 } },
  { name: 'purple', rgb: [0.5, 0.15, 0.68], reach: { hue: 12, light: 0.15 } },
  { name: 'pink', rgb: [0.98, 0.55, 0.72], reach: { hue: 10, light: 0.08 } },
  { name: 'brown', rgb: [0.45, 0.27, 0.12], reach: { hue: 5, light: 0.08 } },
  { name: 'black', rgb: [0.07, 0.07, 0.08], reach: { hue: 0, light: 0.15 } },
  { name: 'white', rgb: [0.96, 0.96, 0.95] },
  { name: 'grey', rgb: [0.5, 0.5, 0.5], reach: { hue: 0, light: 0.15 } },
  { name: 'gold', rgb: [0.86, 0.66, 0.18], metal: true },
  { name: 'silver', rgb: [0.73, 0.74, 0.77], metal: true },
  { name: 'bronze', rgb: [0.6, 0.4, 0.17], metal: true },
  { name: 'copper', rgb: [0.75, 0.42, 0.24], metal: true },
  { name: 'teal', rgb: [0.04, 0.47, 0.47], reach: { hue: 6, light: 0.08 } },
  { name: 'turquoise', rgb: [0.2, 0.83, 0.78], reach: { hue: 6, light: 0.08 } },
  { name: 'navy blue', rgb: [0.05, 0.08, 0.36], reach: { hue: 10, light: 0.12 } },
  { name: 'maroon', rgb: [0.42, 0.03, 0.1], reach: { hue: 5, light: 0.1 } },
  { name: 'beige', rgb: [0.9, 0.83, 0.68] },
  { name: 'olive', rgb: [0.43, 0.44, 0.1], reach: { hue: 4, light: 0.08 } },
  { name: 'lavender', rgb: [0.75, 0.64, 0.9], reach: { hue: 8, light: 0.06 } },
  { name: 'cream', rgb: [0.98, 0.95, 0.82] },
  { name: 'magenta', rgb: [0.88, 0.1, 0.66], reach: { hue: 8, light: 0.1 } },
  { name: 'rust', rgb: [0.68, 0.27, 0.07], reach: { hue: 3, light: 0.06 } },
] as const satisfies readonly NamedColour[]

/** The shade of a colour that a view has. */
export function shadeOf({ reach, ...colour }: NamedColour, { hue, light }: Shade): NamedColour {
  if (reach === undefined) return colour
  const factor = 1 + reach.light * light
  const [r, g, b] = turned(colour.rgb, (reach.hue * hue * Math.PI) / 180).map((x) =>
    Math.min(Math.max(x * factor, 0), 1),
  )
  return { ...colour, rgb: [r!, g!, b!] }
}

/** A colour turned about the axis of greys, by an angle in radians. */
function turned([r, g, b]: NamedColour['rgb'], angle: number): number[] {
  const cos = Math.cos(angle)
  const [near, far] = [(1 - cos) / 3, Math.sin(angle) / Math.sqrt(3)]
  const turn = (own: number, next: number, last: number): number =>
    (cos + near) * own + (near - far) * next + (near + far) * last
  return [turn(r, g, b), turn(g, b, r), turn(b, r, g)]
}

/** Words that say a colour: texts with one of them are not tinted. */
const colourWords = new Set([
  ...colours.flatMap(({ name }) => name.split(' ')),
  'golden',
  'gray',
  'tan',
  'khaki',
  'charcoal',
  'peach',
  'mustard',
  'burgundy',
  'colorful',
  'coloured',
  'colored',
  'crimson',
  'violet',
  'dark',
  'light',
  'transparent',
])

export function namesColour(text: string): boolean {
  return text
    .toLowerCase()
    .split(/[^a-z]+/)
    .some((word) => colourWords.has(word))
}

/** Mean and deviation of values where `amount` is (everywhere without it). */
export function spread(values: Float32Array, amount: Float32Array | null): { mean: number; deviation: number } {
  let [sum, squares, weight] = [0, 0, 1e-6]
  values.forEach((x, i) => {
    const share = amount ? amount[i]! : 1
    sum += share * x
    squares += share * x * x
    weight += share
  })
  const mean = sum / weight
  return { mean, deviation: Math.sqrt(Math.max(squares / weight - mean * mean, 0)) }
}

/** How far the part's mean brightness moves towards that of the colour. */
const SHIFT = 0.6

/**
 * Tints planes of red, green and blue of n pixels, where `amount` says how much (all of it where it is left out). The
 * brightness of each pixel is kept, moved towards the colour's as a whole, so that navy comes out dark and cream light;
 * a metal answers the part's own light as polished things do, with deep shade, bands and highlights.
 */
export function tint(
  planes: Float32Array,
  n: number,
  { rgb, metal = false }: NamedColour,
  amount?: Float32Array,
): void {
  const bright = new Float32Array(n).map((_, i) => lumaAt(planes, i, n))
  const part = spread(bright, amount ?? null)
  const { mean } = part
  const deviation = Math.max(part.deviation, 0.06)
  const own = lumaOf(...rgb)
  for (let i = 0; i < n; i++) {
    const share = amount ? amount[i]! : 1
    if (share === 0) continue
    const colour = metal
      ? polished(rgb, 0.5 + (bright[i]! - mean) / (4.4 * deviation))
      : shaded(rgb, own, Math.min(Math.max(bright[i]! + SHIFT * (own - mean), 0), 1))
    for (let c = 0; c < 3; c++) {
      const at = c * n + i
      planes[at] = planes[at]! * (1 - share) + colour[c]! * share
    }
  }
}

type Rgb = readonly [number, number, number]

/** The colour at brightness v: towards black below its own, towards white above it. */
function shaded(rgb: Rgb, own: number, v: number): Rgb {
  const channel = (x: number): number => (v <= own ? (x * v) / own : x + ((1 - x) * (v - own)) / (1 - own))
  return [channel(rgb[0]), channel(rgb[1]), channel(rgb[2])]
}

/** Where a metal's own colour stands between its shade and its highlight. */
const BODY = 0.55

/** A metal under light v: 0 in the part's shade, 1 in its highlights. */
function polished(rgb: Rgb, light: number): Rgb {
  const w = Math.min(Math.max(light + 0.09 * Math.sin(4 * Math.PI * light), 0), 1)
  const shine = w > BODY ? 0.85 * ((w - BODY) / (1 - BODY)) ** 1.5 : 0
  const channel = (x: number): number => (w <= BODY ? x * (0.25 + (0.75 * w) / BODY) : x + (1 - x) * shine)
  return [channel(rgb[0]), channel(rgb[1]), channel(rgb[2])]
}
