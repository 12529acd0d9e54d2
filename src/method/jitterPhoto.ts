import type { FloatImage } from '../media/image.js'
import { TORCHVISION_LUMA } from './colourJitter.js'
import type { JitterDraw } from './viewDraws.js'

/**
 * Brightness, contrast, saturation and hue of a photo [3], in the drawn order.
 * @param round8 round to 8 bits after each, as PIL does; false: only clamp, as torchvision does to tensors
 */
export function jitterPhoto(photo: FloatImage, draw: JitterDraw, round8 = true): FloatImage {
  const n = photo.width * photo.height
  const data = photo.data.slice()
  for (const stage of draw.order) {
    if (stage === 3) turnHue(data, n, draw.hue)
    else blend(data, n, stage, [draw.brightness, draw.contrast, draw.saturation][stage]!)
    for (let i = 0; i < data.length; i++) {
      const value = Math.min(Math.max(data[i]!, 0), 1)
      data[i] = round8 ? Math.round(value * 255) / 255 : value
    }
  }
  return { ...photo, data }
}

/** factor x + (1 - factor) other, where other is black (0), the mean luma (1) or the pixel's luma (2). */
function blend(data: Float32Array, n: number, stage: number, factor: number): void {
  const luma = (i: number) =>
    TORCHVISION_LUMA[0] * data[i]! + TORCHVISION_LUMA[1] * data[n + i]! + TORCHVISION_LUMA[2] * data[2 * n + i]!
  let mean = 0
  if (stage === 1) {
    for (let i = 0; i < n; i++) mean += luma(i)
    mean /= n
  }
  for (let i = 0; i < n; i++) {
    const other = (1 - factor) * (stage === 0 ? 0 : stage === 1 ? mean : luma(i))
    for (const c of [0, n, 2 * n]) data[c + i] = factor * data[c + i]! + other
  }
}

/** Turns the hue in HSV; the formula of `shiftHue`, per pixel. */
function turnHue(data: Float32Array, n: number, turn: number): void {
  for (let i = 0; i < n; i++) {
    const [r, g, b] = [data[i]!, data[n + i]!, data[2 * n + i]!]
    const high = Math.max(r, g, b)
    const chroma = high - Math.min(r, g, b)
    if (chroma === 0) continue
    const sextant = high === r ? (g - b) / chroma : high === g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma
    ;[5, 3, 1].forEach((offset, c) => {
      const position = offset + sextant + 6 * turn
      const k = position - 6 * Math.floor(position / 6)
      data[c * n + i] = high - chroma * Math.max(0, Math.min(k, 4 - k, 1))
    })
  }
}
