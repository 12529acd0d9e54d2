import type { FloatImage } from '../media/image.js'

/**
 * Up to here a relevancy counts as none, from there on as the object's: the bound lies just outside the outline, and a
 * faint answer around it lets nothing through.
 */
const [NO_RELEVANCY, OBJECT_RELEVANCY] = [0.12, 0.4]

/**
 * The factor on alpha: the given mask, times what the region's relevancy leaves at this strength; undefined where
 * neither bounds.
 */
export function boundOf(
  mask: FloatImage | undefined,
  relevancy: FloatImage | null,
  strength: number,
): FloatImage | undefined {
  if (!relevancy || strength === 0) return mask
  const share = (x: number) => Math.min(Math.max((x - NO_RELEVANCY) / (OBJECT_RELEVANCY - NO_RELEVANCY), 0), 1)
  const data = relevancy.data.map((x, i) => (mask ? mask.data[i]! : 1) * (1 - strength * (1 - share(x))))
  return { ...relevancy, data }
}

/** Multiplier of the sparsity penalty: 1 on the region, 1 + strength where its relevancy is 0. */
export function emphasisOf(relevancy: FloatImage, strength: number): FloatImage {
  return { ...relevancy, data: relevancy.data.map((x) => 1 + strength * (1 - x)) }
}
