/** Phrases of looks, "{}" in the place of the thing, and the directions in which they change the embedding of its name. */
export interface Phrases {
  readonly texts: readonly string[]
  /** [texts, D], row-major, each of length 1. */
  readonly directions: Float32Array
}

export const noPhrases: Phrases = { texts: [], directions: new Float32Array() }

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
 * @returns [D], of length 1; zeros for a direction of no length
 */
export function readDirection(direction: Float32Array, { texts, directions }: Phrases): Float32Array {
  const width = direction.length
  const said = unit(direction)
  const rows = texts.map((_, i) => directions.subarray(i * width, (i + 1) * width))
  if (rows.length === 0) return said
  const first = best(rows, said)
  const rest = less(said, first.phrase, first.cosine)
  const left = Math.hypot(...rest)
  const others = rows
    .map((row) => less(row, first.phrase, dot(row, first.phrase)))
    .filter((row) => Math.hypot(...row) >= OTHER_WORDS)
    .map(unit)
  const second = left > 0 && others.length > 0 ? best(others, rest) : null
  const isTwo = second !== null && second.cosine >= SECOND * left
  const heard = first.phrase.map((x, d) => x * first.cosine + (isTwo ? second.phrase[d]! * second.cosine : 0))
  const like = Math.hypot(...heard)
  const share = Math.min(Math.max((like - UNLIKE) / (ALIKE - UNLIKE), 0), 1)
  return share === 0 ? said : unit(said.map((x, d) => (1 - share) * x + (share * heard[d]!) / like))
}

function best(rows: readonly Float32Array[], direction: Float32Array): { phrase: Float32Array; cosine: number } {
  return rows
    .map((phrase) => ({ phrase, cosine: dot(phrase, direction) }))
    .reduce((found, next) => (next.cosine > found.cosine ? next : found))
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, d) => sum + x * b[d]!, 0)

const less = (a: Float32Array, b: Float32Array, times: number): Float32Array => a.map((x, d) => x - times * b[d]!)

export function unit(a: Float32Array): Float32Array {
  const length = Math.hypot(...a)
  return length > 0 ? a.map((x) => x / length) : a.slice()
}
