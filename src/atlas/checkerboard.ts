import type { FloatImage } from '../media/image.js'

/**
 * A coloured checkerboard to be mapped onto the frames: squares that slide, stretch or shear in the clip show what is
 * wrong with a mapping. The hue runs with the column and the lightness with the row, so that every square can be told
 * from the others.
 *
 * @param size of the atlas image
 * @param opacity of all of it. Default 0.7, so that the clip shows through
 * @returns RGBA
 */
export function checkerboard(
  { width, height }: { readonly width: number; readonly height: number },
  opacity = 0.7,
): FloatImage {
  const square = Math.max(4, Math.round(Math.max(width, height) / SQUARES))
  const size = width * height
  const data = new Float32Array(4 * size).fill(opacity, 3 * size)
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / square)
    for (let x = 0; x < width; x++) {
      const column = Math.floor(x / square)
      const dark = (row + column) % 2 === 0
      const lightness = (dark ? 0.3 : 0.7) + 0.16 * ((row * square) / height - 0.5)
      for (let c = 0; c < 3; c++)
        data[c * size + y * width + x] = lightness + 0.2 * Math.cos(2 * Math.PI * ((column * square) / width - c / 3))
    }
  }
  return { width, height, channels: 4, data }
}

/** Along the longer side. */
const SQUARES = 32
