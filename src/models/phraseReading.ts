/**
 * Phrases of looks, "{}" in the place of the thing, and the directions in which they change the embedding of a thing's
 * name.
 */
export interface Phrases {
  readonly texts: readonly string[]
  /** [texts, D], row-major, each of length 1. */
  readonly directions: Float32Array
}

/** Of a start that takes every direction as it is. */
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

/** Below the first of these cosines with its phrases a direction stays as it is; from the second it is theirs. */
const [UNLIKE, ALIKE] = [0.5, 0.75]
/** A second phrase is heard where what the first leaves is as like it as this; of one look alone it was at most .5. */
const SECOND = 0.55
/** And where it is as strong as this beside the first. */
const TRACE = 0.2
/** What less of a phrase than this is not the first one too is the first one in other words. */
const OTHER_WORDS = 0.3

/**
 * What a direction of texts says of the look, in the words of the phrases that it is nearest to: one or two, each the
 * one that leaves least (optimized orthogonal matching pursuit, Rebollo-Neira and Lowe 2002). What the embedding of a
 * whole text holds besides, of the thing, of the look that it has and of how it is put, is left out, as far as the
 * phrases tell the direction at all.
 * @param direction [D], of any length
 */
export function readDirection(direction: Float32Array, { texts, directions }: Phrases): Reading {
  const width = direction.length
  const said = unit(direction)
  const unread = { direction: said, heard: [], share: 0 }
  const rows = texts.map((_, i) => directions.subarray(i * width, (i + 1) * width))
  const first = nearest(rows, said)
  if (first === null || first.cosine <= 0) return unread
  const rest = less(said, first.phrase, first.cosine)
  const others = rows.map((row) => {
    const other = less(row, first.phrase, dot(row, first.phrase))
    return Math.hypot(...other) < OTHER_WORDS ? new Float32Array(width) : unit(other)
  })
  const least = Math.max(SECOND * Math.hypot(...rest), TRACE * first.cosine)
  const second = nearest(others, rest)!
  const isTwo = second.cosine >= least
  // What the photo shows may be of a look too ("silver car"), which the prompt takes away.
  const against = first.cosine < UNLIKE ? 0 : Math.max(...others.map((other) => -dot(other, rest)))
  const taken = against >= least ? against : 0
  const look = unit(
    isTwo ? said.map((_, d) => first.phrase[d]! * first.cosine + second.phrase[d]! * second.cosine) : first.phrase,
  )
  const like = Math.hypot(first.cosine, isTwo ? second.cosine : taken)
  const share = Math.min(Math.max((like - UNLIKE) / (ALIKE - UNLIKE), 0), 1)
  if (share === 0) return unread
  return {
    direction: unit(said.map((x, d) => (1 - share) * x + share * look[d]!)),
    heard: [texts[first.index]!, ...(isTwo ? [texts[second.index]!] : [])],
    share,
  }
}

/** Null among no rows. */
function nearest(rows: readonly Float32Array[], direction: Float32Array): Nearest | null {
  return rows
    .map((phrase, index): Nearest => ({ phrase, index, cosine: dot(phrase, direction) }))
    .reduce<Nearest | null>((found, next) => (found && found.cosine >= next.cosine ? found : next), null)
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, d) => sum + x * b[d]!, 0)

const less = (a: Float32Array, b: Float32Array, times: number): Float32Array => a.map((x, d) => x - times * b[d]!)

/** The direction of a vector: of length 1, or zeros as it is. */
export function unit(a: Float32Array): Float32Array {
  const length = Math.hypot(...a)
  return length > 0 ? a.map((x) => x / length) : a.slice()
}
