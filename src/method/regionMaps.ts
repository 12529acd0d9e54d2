import type { FloatImage } from '../media/image.js'

/** From here on a relevancy counts as the object's, so that the bound lies just outside its outline. */
const OBJECT_RELEVANCY = 1 / 3

/** The factor on alpha: the given mask, times what the region's relevancy leaves at this strength; undefined where neither bounds. */
export function boundOf(mask: FloatImage | undefined, relevancy: FloatImage | null, strength: number): FloatImage | undefined {
  if (!relevancy || strength === 0) return mask
  const data = relevancy.data.map((x, i) => (mask ? mask.data[i]! : 1) * (1 - strength * (1 - Math.min(x / OBJECT_RELEVANCY, 1))))
  return { ...relevancy, data }
}

/** Multiplier of the sparsity penalty: 1 on the region, 1 + strength where its relevancy is 0. */
export function emphasisOf(relevancy: FloatImage, strength: number): FloatImage {
  return { ...relevancy, data: relevancy.data.map((x) => 1 + strength * (1 - x)) }
}
