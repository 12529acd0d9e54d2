import { Text2LiveError } from '../errors.js'
import type { FloatImage } from '../media/image.js'
import type { Mapping } from './layeredAtlas.js'

/**
 * What lies outside an atlas image: its border repeated, or zeros, which the border pixels blend with (the published
 * code, D1).
 */
export type AtlasBorder = 'edge' | 'zeros'

/**
 * An atlas image seen through a mapping: bilinear, every channel on its own, pixel k of the atlas centred at k + 1/2.
 *
 * @returns as many channels as `image`, at the size of the mapping
 */
export function sampleAtlas(image: FloatImage, mapping: Mapping, border: AtlasBorder = 'edge'): FloatImage {
  const { width, height, data } = mapping
  const { channels } = image
  const size = width * height
  if (data.length !== 2 * size)
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `sampleAtlas expected 2x${height}x${width} positions, got ${data.length} values.`,
    )
  const plane = image.width * image.height
  const out = new Float32Array(channels * size)
  const [right, bottom] = [image.width - 1, image.height - 1]
  for (let i = 0; i < size; i++) {
    const [x, y] = [data[i]! - 0.5, data[size + i]! - 0.5]
    const [x0, y0] = [Math.floor(x), Math.floor(y)]
    const [fx, fy] = [x - x0, y - y0]
    let [w00, w01, w10, w11] = [(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy]
    let [left, top, next, below] = [x0, y0, x0 + 1, y0 + 1]
    if (x0 < 0 || y0 < 0 || next > right || below > bottom) {
      if (border === 'zeros') {
        if (x0 < 0 || x0 > right) w00 = w10 = 0
        if (next < 0 || next > right) w01 = w11 = 0
        if (y0 < 0 || y0 > bottom) w00 = w01 = 0
        if (below < 0 || below > bottom) w10 = w11 = 0
      }
      left = clamp(left, right)
      next = clamp(next, right)
      top = clamp(top, bottom)
      below = clamp(below, bottom)
    }
    const [upper, lower] = [top * image.width, below * image.width]
    for (let c = 0, from = 0, to = i; c < channels; c++, from += plane, to += size) {
      const { data: pixels } = image
      out[to] =
        w00 * pixels[from + upper + left]! +
        w01 * pixels[from + upper + next]! +
        w10 * pixels[from + lower + left]! +
        w11 * pixels[from + lower + next]!
    }
  }
  return { width, height, channels, data: out }
}

function clamp(k: number, last: number): number {
  return k < 0 ? 0 : k > last ? last : k
}
