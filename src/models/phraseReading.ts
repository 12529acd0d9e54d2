/** Phrases of looks, "{}" in the place of the thing, and the directions in which they change the embedding of its name. */
export interface Phrases {
  readonly texts: readonly string[]
  /** [texts, D], row-major, each of length 1. */
  readonly directions: Float32Array
}

export const noPhrases: Phrases = { texts: [], directions: new Float32Array() }

/** What was heard in a direction of texts. */
export interface Reading {
  /** [D], of length 1; zeros of a direction of no length. */
  readonly direction: Float32Array
  /** The phrases that it is nearest to, at most two; none where it is like none. */
  readonly heard: readonly string[]
  /** How far the direction is theirs: 0 not at all, 1 wholly. */
  readonly share: number
}

interface Nearest {
  readonly phrase: Float32Array
  readonly index: number
  readonly cosine: number
}

/** Below the first of these cosines with what the phrases say of it a direction stays as it is; from the second it is that. */
const [UNLIKE, ALIKE] = [0.5, 0.75]
/** A second phrase is heard where what the first leaves is as like it as this; of one look alone it was at most .5. */
const SECOND = 0.55
/** What less of a phrase than this is not the first one too is the first one in other words. */
const OTHER_WORDS = 0.3

/**
 * What a direction of texts says of the look, in the words of the phrases that it is nearest to: one or two, by
 * orthogonal matching pursuit (Pati et al. 1993). What the embedding of a whole text holds besides, of the thing and of
 * how it is put, is left out, as far as the phrases tell the direction at all.
 * @param direction [D], of any length
 */
export function readDirection(direction: Float32Array, { texts, directions }: Phrases): Reading {
  const width = direction.length
  const said = unit(direction)
  const rows = texts.map((_, i) => directions.subarray(i * width, (i + 1) * width))
  if (rows.length === 0) return { direction: said, heard: [], share: 0 }
  const first = best(rows, said)
  const rest = less(said, first.phrase, first.cosine)
  const left = Math.hypot(...rest)
  const others = rows.map((row) => {
    const other = less(row, first.phrase, dot(row, first.phrase))
    return Math.hypot(...other) < OTHER_WORDS ? new Float32Array(width) : unit(other)
  })
  const second = best(others, rest)
  const isTwo = left > 0 && second.cosine >= SECOND * left
  const heard = first.phrase.map((x, d) => x * first.cosine + (isTwo ? second.phrase[d]! * second.cosine : 0))
  const like = Math.hypot(...heard)
  const share = Math.min(Math.max((like - UNLIKE) / (ALIKE - UNLIKE), 0), 1)
  return {
    direction: share === 0 ? said : unit(said.map((x, d) => (1 - share) * x + (share * heard[d]!) / like)),
    heard: share === 0 ? [] : [texts[first.index]!, ...(isTwo ? [texts[second.index]!] : [])],
    share,
  }
}

function best(rows: readonly Float32Array[], direction: Float32Array): Nearest {
  return rows
    .map((phrase, index) => ({ phrase, index, cosine: dot(phrase, direction) }))
    .reduce((found, next) => (next.cosine > found.cosine ? next : found))
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, d) => sum + x * b[d]!, 0)

const less = (a: Float32Array, b: Float32Array, times: number): Float32Array => a.map((x, d) => x - times * b[d]!)

export function unit(a: Float32Array): Float32Array {
  const length = Math.hypot(...a)
  return length > 0 ? a.map((x) => x / length) : a.slice()
}
