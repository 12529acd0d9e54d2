import type { FloatImage } from './image.js'

/** First and last column and row of something, px. */
export interface BoundingBox {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** The least box around the places of a map of one channel whose value `counts`; null where none does. */
export function boundingBox(
  { width, height, data }: FloatImage,
  counts: (value: number) => boolean,
): BoundingBox | null {
  let [left, right, top, bottom] = [width, -1, height, -1]
  data.forEach((value, i) => {
    if (!counts(value)) return
    left = Math.min(left, i % width)
    right = Math.max(right, i % width)
    top = Math.min(top, Math.floor(i / width))
    bottom = Math.max(bottom, Math.floor(i / width))
  })
  return right < 0 ? null : { left, right, top, bottom }
}
