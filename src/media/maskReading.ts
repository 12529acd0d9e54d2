import type { FloatImage } from './image.js'

/** A picture that a mask is read from; nothing is decided yet. Planes are rows from the top. */
export interface MaskPicture {
  readonly name: string
  readonly width: number
  readonly height: number
  /** Of a palette of labels, the index, with the background as 0; else the luma, 0 to `white`. */
  readonly codes: Uint8Array | Uint16Array
  readonly white: 255 | 65535
  /** Straight, [0, 1]; null where it is opaque all over. */
  readonly alpha: Float32Array | null
  readonly kind: 'grey' | 'colour' | 'labels'
  /** Of colours: 8 bits each of red, green and blue. */
  readonly colours: Uint32Array | null
  /** Neighbouring values are those that were written: the format loses nothing. */
  readonly exact: boolean
  readonly notes: readonly string[]
}

/** How the values of pictures of one kind are to be understood. */
interface Reading {
  /**
   * `labels`: all but 0 (or black) is the object. `peak`: the brightest of red, green and blue, as a share of the
   * brightest of all.
   */
  readonly values: 'luma' | 'labels' | 'peak' | 'opaque'
  readonly alpha: 'times' | 'ignored'
  readonly peak: number
}

/** Labels of more kinds are taken for greys. */
const mostLabels = 32
/** Of 1: what is nearly one value, and what is nearly black or white. */
const [nearly, extreme] = [0.04, 0.1]
/** A mask that stays below lets no edit through that anybody would see. */
const unseen = 0.1

/**
 * How masks are read that belong together (the mask of a photo, or all those of a clip): 1 where the edit may be or the
 * object is, 0 elsewhere. Programs write masks in ways that one picture does not tell apart, so all are looked at first
 * (`add`), then each is read (`read`): luma times alpha; what is painted in alpha alone, or cut out of a picture with
 * the picture's own colours, by its alpha; labels (a palette, or few and dark greys, or few colours on black) as the
 * object wherever they are not 0 (black).
 */
export class MaskReading {
  readonly #statistics = new Map<string, MaskStatistics>()
  readonly #notes: string[] = []
  #readings: Map<string, Reading> | null = null

  add(picture: MaskPicture): void {
    const key = keyOf(picture)
    const statistics = this.#statistics.get(key) ?? new MaskStatistics(picture)
    statistics.add(picture)
    this.#statistics.set(key, statistics)
  }

  /** What to tell of how they are read. */
  get notes(): readonly string[] {
    this.#decide()
    return this.#notes
  }

  read(picture: MaskPicture): FloatImage {
    const reading = this.#decide().get(keyOf(picture))!
    const { codes, white, colours, alpha, width, height } = picture
    const data = new Float32Array(width * height)
    for (let i = 0; i < data.length; i++) {
      const value =
        reading.values === 'opaque'
          ? 1
          : reading.values === 'luma'
            ? codes[i]! / white
            : reading.values === 'peak'
              ? Math.min(1, peakOf(colours![i]!) / reading.peak)
              : (colours?.[i] ?? codes[i]!) === 0
                ? 0
                : 1
      data[i] = alpha === null || reading.alpha === 'ignored' ? value : value * alpha[i]!
    }
    return { width, height, channels: 1, data }
  }

  #decide(): Map<string, Reading> {
    if (this.#readings !== null) return this.#readings
    this.#readings = new Map()
    for (const [key, statistics] of this.#statistics) {
      const { reading, notes } = statistics.reading()
      this.#readings.set(key, reading)
      this.#notes.push(...notes)
    }
    return this.#readings
  }
}

const keyOf = ({ kind, white, exact }: MaskPicture): string => `${kind} ${white} ${exact}`
const peakOf = (colour: number): number => Math.max(colour >> 16, (colour >> 8) & 255, colour & 255)

/** The values that are not transparent. */
interface SeenValues {
  /** Of white. */
  readonly least: number
  readonly most: number
  /** Codes that are not 0: all where they may be labels, else some. */
  readonly labels: readonly number[]
  /** Pixels nearly black, nearly white, and all. */
  readonly dark: number
  readonly light: number
  readonly count: number
}

/** Of pictures of one kind. What is transparent does not count, but for its number. */
class MaskStatistics {
  readonly #first: string
  readonly #kind: MaskPicture['kind']
  readonly #white: number
  readonly #exact: boolean
  /** How many pixels have each code or colour; of colours, only so many as labels may have. */
  readonly #codes: Uint32Array
  readonly #colours = new Map<number, number>()
  #count = 0
  #transparent = 0
  #hasAlpha = false
  #tinted = 0
  #peak = 0
  #leastAlpha = 1
  #mostAlpha = 0
  /** Neighbours of which one at least is not 0, and those of them that are equal: labels are flat, noise is not. */
  #pairs = 0
  #equal = 0

  constructor({ name, kind, white, exact }: MaskPicture) {
    this.#first = name
    this.#kind = kind
    this.#white = white
    this.#exact = exact
    this.#codes = new Uint32Array(white + 1)
  }

  add({ codes, colours, alpha, width }: MaskPicture): void {
    if (alpha !== null) this.#hasAlpha = true
    // A brush that is never opaque shows its colour all the same.
    const opaque = alpha?.some((value) => value >= 0.5) ?? true
    const values = colours ?? codes
    for (let i = 0; i < codes.length; i++) {
      const a = alpha?.[i] ?? 1
      this.#count++
      this.#leastAlpha = Math.min(this.#leastAlpha, a)
      this.#mostAlpha = Math.max(this.#mostAlpha, a)
      if (opaque ? a < 0.5 : a === 0) {
        this.#transparent++
        continue
      }
      this.#codes[codes[i]!]!++
      if (colours !== null) {
        const colour = colours[i]!
        const known = this.#colours.get(colour)
        if (known !== undefined || this.#colours.size <= mostLabels) this.#colours.set(colour, (known ?? 0) + 1)
        this.#peak = Math.max(this.#peak, peakOf(colour))
        if (isTinted(colour)) this.#tinted++
      }
      for (const next of [(i + 1) % width === 0 ? codes.length : i + 1, i + width]) {
        if (next >= codes.length || (values[i] === 0 && values[next] === 0)) continue
        this.#pairs++
        if (values[i] === values[next]) this.#equal++
      }
    }
  }

  reading(): { reading: Reading; notes: string[] } {
    const notes: string[] = []
    const seen = this.#seen()
    const constantAlpha = this.#mostAlpha - this.#leastAlpha < 1 / 255
    if (this.#hasAlpha && !constantAlpha && this.#kind !== 'labels') {
      const why = this.#isShape(seen)
      if (why !== null) {
        if (why !== 'painted')
          notes.push(
            `${this.#first} is read as a cut-out: the edit may be (or the object is) where it is opaque, whatever its colours`,
          )
        return { reading: { values: 'opaque', alpha: 'times', peak: 255 }, notes }
      }
    }
    if (this.#hasAlpha && this.#transparent > 0)
      notes.push(`${this.#first} is transparent in places, which count as black`)
    const values = this.#values(seen, notes)
    return { reading: { values, alpha: 'times', peak: Math.max(1, this.#peak) }, notes }
  }

  #seen(): SeenValues {
    const labels: number[] = []
    let [least, most, dark, light, count] = [Infinity, 0, 0, 0, 0]
    for (const [code, pixels] of this.#codes.entries()) {
      if (pixels === 0) continue
      const value = code / this.#white
      least = Math.min(least, value)
      most = value
      count += pixels
      if (value < extreme) dark += pixels
      if (value > 1 - extreme) light += pixels
      if (code > 0 && labels.length <= mostLabels) labels.push(code)
    }
    return { least, most, labels, dark, light, count }
  }

  /** Is alpha what says where, and the colours mean nothing? `painted` in one colour, or `cut` out of a picture. */
  #isShape({ least, most, dark, light, count, labels }: SeenValues): 'painted' | 'cut' | null {
    if (count === 0) return 'painted'
    if (this.#tinted > 0.01 * count) return this.#colours.size === 1 ? 'painted' : this.#isLabelColours() ? null : 'cut'
    if (this.#isDarkLabels({ least, most, labels })) return null
    if (most - least < nearly) return 'painted'
    if (dark > 0 && light > 0 && dark + light >= 0.7 * count) return null
    return this.#transparent >= 0.25 * this.#count ? 'cut' : null
  }

  #values({ least, most, labels }: SeenValues, notes: string[]): Reading['values'] {
    if (this.#kind === 'labels') {
      notes.push(
        labels.length > 1
          ? `${this.#first} has labels (indices of its palette): ${list(labels)}; together they are the object. For one alone, give masks that hold no other`
          : `${this.#first} has labels (indices of its palette): 0 is the background, ${list(labels)} the object`,
      )
      return 'labels'
    }
    if (this.#kind === 'colour' && this.#isLabelColours()) {
      const names = [...this.#colours.keys()]
        .filter((colour) => colour > 0)
        .map((colour) => `#${colour.toString(16).padStart(6, '0')}`)
      notes.push(
        `${this.#first} has colours on black (${names.slice(0, 6).join(', ')}${names.length > 6 ? ', ...' : ''}), which are read as labels: all that is not black is the object`,
      )
      return 'labels'
    }
    if (most >= 0.5 || most === 0) return 'luma'
    if (this.#isDarkLabels({ least, most, labels })) {
      notes.push(
        labels.length > 1
          ? `${this.#first} has values of ${list(labels)} (of ${this.#white}), which are read as labels; together they are the object. For one alone, give masks that hold no other`
          : `${this.#first} has no value but 0 and ${list(labels)} (of ${this.#white}), which is read as a label: it is the object`,
      )
      return 'labels'
    }
    if (this.#kind === 'colour' && this.#peak >= 64) {
      notes.push(`${this.#first} has colours, none of them light: their brightest part is taken for white`)
      return 'peak'
    }
    return 'luma'
  }

  #isDarkLabels({ least, most, labels }: Pick<SeenValues, 'least' | 'most' | 'labels'>): boolean {
    return (
      this.#exact &&
      this.#kind === 'grey' &&
      least === 0 &&
      most > 0 &&
      most < 0.5 &&
      labels.length <= mostLabels &&
      this.#isFlat()
    )
  }

  #isLabelColours(): boolean {
    return (
      this.#exact &&
      this.#kind === 'colour' &&
      this.#colours.size > 1 &&
      this.#colours.size <= mostLabels &&
      this.#colours.has(0) &&
      this.#isFlat()
    )
  }

  #isFlat(): boolean {
    return this.#equal >= 0.5 * this.#pairs
  }
}

function isTinted(colour: number): boolean {
  const [r, g, b] = [colour >> 16, (colour >> 8) & 255, colour & 255]
  return Math.max(r, g, b) - Math.min(r, g, b) > 16
}

/** "1, 2 and 5" */
function list(values: readonly number[]): string {
  if (values.length === 0) return 'nothing'
  const shown = values.length > 9 ? [...values.slice(0, 8), 'others'] : values
  return shown.length === 1 ? String(shown[0]) : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

/** What masks say, over all of them. */
export interface MaskRange {
  readonly least: number
  readonly most: number
}

export function maskRange(masks: Iterable<FloatImage>): MaskRange {
  let [least, most] = [1, 0]
  for (const { data } of masks) {
    for (const value of data) {
      if (value < least) least = value
      if (value > most) most = value
    }
  }
  return { least, most }
}

/**
 * Does a mask that bounds an edit say anything?
 * @returns what is wrong with it: `refused` where the edit would not be seen at all, `note` where it is faint or not
 *   bounded
 */
export function judgeMask(
  name: string,
  { least, most }: MaskRange,
): { readonly refused?: string; readonly note?: string } {
  const percent = (value: number): string => `${Math.round(100 * value)} %`
  if (most < 0.5 / 255)
    return {
      refused: `${name} is black (or transparent) all over, so nothing could be edited. Paint white where the edit may be.`,
    }
  if (most < unseen)
    return {
      refused: `${name} is nowhere lighter than ${percent(most)} of white, so no edit would be seen. Paint white where the edit may be.`,
    }
  if (most - least < unseen)
    return {
      note: `${name} is nearly the same all over (${percent(least)} to ${percent(most)} of white), so it bounds nothing${most < 0.5 ? ' and makes the edit faint' : ''}`,
    }
  if (most < 0.5)
    return {
      note: `${name} is nowhere lighter than ${percent(most)} of white, so the edit will be as faint; paint white where it may be seen whole`,
    }
  return {}
}
