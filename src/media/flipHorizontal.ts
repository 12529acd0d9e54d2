import type { FloatImage } from './image.js'

/** `image` mirrored left to right, copied. */
export function flipHorizontal(image: FloatImage): FloatImage {
  const data = image.data.slice()
  for (let row = 0; row < image.channels * image.height; row++) {
    data.subarray(row * image.width, (row + 1) * image.width).reverse()
  }
  return { ...image, data }
}
