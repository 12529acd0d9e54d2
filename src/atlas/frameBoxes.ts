import type { FloatImage } from '../media/image.js'
import type { LayeredAtlas } from './layeredAtlas.js'

/** A rectangle of whole pixels: columns x to x + width - 1, rows y to y + height - 1. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface FrameBoxOptions {
  /** Pixels of at least this opacity are the object. Default 0.95. */
  readonly threshold?: number
  /** Pixels added on every side. Default 30. */
  readonly border?: number
  /** Smallest side, px: what the generator takes. Default 129, for seven levels. */
  readonly smallest?: number
}

/**
 * Where the foreground is in each frame: the box from which its crops are taken (supplement 3.1; get_masks_boundaries
 * of the published code). Null for a frame without foreground, at which the published code stops (D2).
 */
export async function frameBoxes(
  atlas: Pick<LayeredAtlas, 'frames' | 'opacity'>,
  options: FrameBoxOptions = {},
): Promise<(Box | null)[]> {
  const boxes: (Box | null)[] = []
  for (let t = 0; t < atlas.frames; t++) boxes.push(frameBox(await atlas.opacity(t), options))
  return boxes
}

/**
 * The box of one frame, from its opacity (one channel). It lies in the frame, also where the frame is smaller than
 * `smallest`.
 */
export function frameBox(
  { width, height, data }: FloatImage,
  { threshold = 0.95, border = 30, smallest = 129 }: FrameBoxOptions = {},
): Box | null {
  // As the published code, opacity is compared in float32.
  const least = Math.fround(threshold)
  let [left, top, right, bottom] = [width, height, -1, -1]
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (data[i]! < least) continue
      if (x < left) left = x
      if (x > right) right = x
      if (y < top) top = y
      bottom = y
    }
  }
  if (right < 0) return null
  const [x, w] = widened(left, right, width, border, smallest)
  const [y, h] = widened(top, bottom, height, border, smallest)
  return { x, y, width: w, height: h }
}

/**
 * Start and length along one axis. What is missing to `smallest` is added at the end, or before the start where the
 * frame ends.
 */
function widened(first: number, last: number, length: number, border: number, smallest: number): [number, number] {
  let start = Math.max(first - border, 0)
  let end = Math.min(last + border, length)
  const missing = smallest - (end - start)
  if (missing > 0) {
    if (end + missing > length) start = Math.max(start - missing, 0)
    else end += missing
    // In frames below twice the smallest side, neither end may have had room for all of it.
    end = Math.min(Math.max(end, start + smallest), length)
  }
  return [start, end - start]
}
