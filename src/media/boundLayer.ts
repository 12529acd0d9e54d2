import type { FloatImage } from './image.js'

/** A layer [4, H, W] whose opacity is multiplied by a mask [1, H, W]; it takes the layer's memory. */
export function boundLayer(layer: FloatImage, mask: FloatImage): FloatImage {
  const n = layer.width * layer.height
  for (let i = 0; i < n; i++) layer.data[3 * n + i] = layer.data[3 * n + i]! * mask.data[i]!
  return layer
}
