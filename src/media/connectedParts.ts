import type { FloatImage } from './image.js'

/** The places that hold, `y * width + x`, by connected parts: places with a side in common belong together. */
export function connectedParts(
  { width, height }: Pick<FloatImage, 'width' | 'height'>,
  holds: (place: number) => boolean,
): readonly number[][] {
  const open = new Uint8Array(width * height).map((_, place) => (holds(place) ? 1 : 0))
  const parts: number[][] = []
  for (let from = 0; from < open.length; from++) {
    if (!open[from]) continue
    open[from] = 0
    const part = [from]
    // Grows while it is gone through.
    for (const place of part) {
      const x = place % width
      const beside = [x > 0 && place - 1, x + 1 < width && place + 1, place - width, place + width]
      for (const next of beside) {
        if (next === false || !open[next]) continue
        open[next] = 0
        part.push(next)
      }
    }
    parts.push(part)
  }
  return parts
}
