import type { FloatImage } from '../media/image.js'

/** Levels per channel of the colour histograms. */
const LEVELS = 16
/** The prior is kept off certainty, so that colour can overrule it. */
const DOUBT = 0.02
/** Share of every colour that is never seen, so that no colour is impossible. */
const UNSEEN = 1e-6

/**
 * The posterior of "object" at every pixel.
 * @param prior one channel of the photo's size, [0, 1]
 * @param map where the object is taken to be, to count both kinds of colours: the prior at first, then what was made of
 *   the posterior
 */
type ColourPosterior = (prior: FloatImage, map?: FloatImage) => FloatImage

/**
 * Gives the posterior for any prior on a photo: the prior, and how much more often the pixel's colour is seen in the
 * object than in the rest.
 * @param photo 3 channels, [0, 1]
 */
export function colourPosterior(photo: FloatImage): ColourPosterior {
  const n = photo.width * photo.height
  const level = (c: number, i: number) => Math.min(Math.max(Math.floor(photo.data[c * n + i]! * LEVELS), 0), LEVELS - 1)
  const bin = new Int32Array(n).map((_, i) => (level(0, i) * LEVELS + level(1, i)) * LEVELS + level(2, i))
  return (prior, map = prior) => {
    const inside = histogram(
      bin,
      map.data.map((x) => x * x),
    )
    const outside = histogram(
      bin,
      map.data.map((x) => (1 - x) * (1 - x)),
    )
    const data = prior.data.map((x, i) => {
      const p = Math.min(Math.max(x, DOUBT), 1 - DOUBT)
      const object = p * (inside[bin[i]!]! + UNSEEN)
      return object / (object + (1 - p) * (outside[bin[i]!]! + UNSEEN))
    })
    return { ...prior, data }
  }
}

/** Weighted share of each colour, smoothed over neighbouring levels. */
function histogram(bin: Int32Array, weight: Float32Array): Float64Array {
  let shares: Float64Array = new Float64Array(LEVELS ** 3)
  let sum = 0
  bin.forEach((b, i) => {
    shares[b] = shares[b]! + weight[i]!
    sum += weight[i]!
  })
  for (const stride of [LEVELS * LEVELS, LEVELS, 1]) shares = smoothed(shares, stride)
  return shares.map((x) => (sum > 0 ? x / sum : 0))
}

/** (1, 2, 1) / 4 along the channel with this stride; the border repeated. */
function smoothed(x: Float64Array, stride: number): Float64Array {
  return x.map((middle, i) => {
    const at = Math.floor(i / stride) % LEVELS
    const before = at > 0 ? x[i - stride]! : middle
    const after = at < LEVELS - 1 ? x[i + stride]! : middle
    return (before + 2 * middle + after) / 4
  })
}
