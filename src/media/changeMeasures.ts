import { Text2LiveError } from '../errors.js'
import type { FloatImage } from './image.js'

/** What an edit did where. Changes are mean absolute differences of sRGB values in [0, 1] over pixels and channels. */
export interface ChangeMeasures {
  /** Mean opacity of the edit layer. */
  readonly alphaMean: number
  /** Change where alpha is under 0.05; 0 where there is no such pixel. */
  readonly changeOutsideAlpha: number
  /** Change weighted by 1 - mask; with a mask only. */
  readonly changeOutsideMask?: number
  /** Intersection over union of the pixels where alpha, and where the mask, is at least one half; with a mask only. */
  readonly localisationIou?: number
}

const TRANSPARENT = 0.05

/**
 * @param photo, composite RGB of one size
 * @param alpha 1 channel: the edit layer's opacity
 * @param mask 1 channel: where the edit should be
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function measureChange(
  photo: FloatImage,
  composite: FloatImage,
  alpha: FloatImage,
  mask?: FloatImage,
): ChangeMeasures {
  const { width, height } = photo
  const fits = (image: FloatImage, channels: number) =>
    image.channels === channels && image.width === width && image.height === height
  if (!fits(photo, 3) || !fits(composite, 3) || !fits(alpha, 1) || (mask && !fits(mask, 1))) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      'measureChange expected two 3-channel pictures and 1-channel maps of one size, ' +
        `got ${[photo, composite, alpha, ...(mask ? [mask] : [])].map((i) => `${i.channels}x${i.height}x${i.width}`).join(', ')}.`,
    )
  }
  const plane = width * height
  const change = new Float64Array(plane).map(
    (_, i) =>
      [0, plane, 2 * plane].reduce((sum, at) => sum + Math.abs(composite.data[at + i]! - photo.data[at + i]!), 0) / 3,
  )
  const weightedMean = (weight: (i: number) => number): number => {
    let [sum, total] = [0, 0]
    for (let i = 0; i < plane; i++) {
      sum += weight(i) * change[i]!
      total += weight(i)
    }
    return total === 0 ? 0 : sum / total
  }
  const measures = {
    alphaMean: alpha.data.reduce((sum, a) => sum + a, 0) / plane,
    changeOutsideAlpha: weightedMean((i) => (alpha.data[i]! < TRANSPARENT ? 1 : 0)),
  }
  if (!mask) return measures
  return {
    ...measures,
    changeOutsideMask: weightedMean((i) => 1 - mask.data[i]!),
    localisationIou: overlap(alpha, mask),
  }
}

/** Intersection over union of where each map is at least one half; 0 where both are empty. */
export function overlap(a: FloatImage, b: FloatImage): number {
  let [both, either] = [0, 0]
  a.data.forEach((x, i) => {
    const [inA, inB] = [x >= 0.5, b.data[i]! >= 0.5]
    if (inA && inB) both += 1
    if (inA || inB) either += 1
  })
  return either === 0 ? 0 : both / either
}
