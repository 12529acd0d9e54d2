import type { ClipFrames } from '../../media/clipFrames.js'
import { lumaOf } from '../../media/luma.js'

/** A picture of one channel: `height * width` values in [0, 255]. */
export interface GreyPlane {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** The luma of frame `t` (Rec. 601, as video has it). */
export function greyPlane({ width, height, pixels }: ClipFrames, t: number): GreyPlane {
  const bytes = pixels[t]!
  const data = new Float32Array(width * height)
  for (let i = 0; i < data.length; i++) data[i] = lumaOf(bytes[3 * i]!, bytes[3 * i + 1]!, bytes[3 * i + 2]!)
  return { width, height, data }
}

/**
 * The picture and its halves, while the short side stays at least `least` px: pixel (x, y) of a level covers (2x, 2y)
 * to (2x + 1, 2y + 1) of the one before.
 */
export function greyPyramid(picture: GreyPlane, least: number): GreyPlane[] {
  const levels = [picture]
  for (let last = picture; Math.min(last.width, last.height) >= 2 * least; levels.push(last)) last = halved(last)
  return levels
}

/** Means of 2 x 2 pixels; an odd last row or column counts twice. */
function halved({ width, height, data }: GreyPlane): GreyPlane {
  const [w, h] = [(width + 1) >> 1, (height + 1) >> 1]
  const half = new Float32Array(w * h)
  for (let y = 0; y < h; y++) {
    const upper = 2 * y * width
    const lower = Math.min(2 * y + 1, height - 1) * width
    for (let x = 0; x < w; x++) {
      const left = 2 * x
      const right = Math.min(2 * x + 1, width - 1)
      half[y * w + x] = (data[upper + left]! + data[upper + right]! + data[lower + left]! + data[lower + right]!) / 4
    }
  }
  return { width: w, height: h, data: half }
}

/** Central differences in x and in y; one-sided halves at the border. */
export function centralDifferences(plane: Float32Array, width: number, height: number): [Float32Array, Float32Array] {
  const gx = new Float32Array(plane.length)
  const gy = new Float32Array(plane.length)
  for (let y = 0; y < height; y++) {
    const up = y > 0 ? -width : 0
    const down = y < height - 1 ? width : 0
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      gx[i] = (plane[x < width - 1 ? i + 1 : i]! - plane[x > 0 ? i - 1 : i]!) / 2
      gy[i] = (plane[i + down]! - plane[i + up]!) / 2
    }
  }
  return [gx, gy]
}
