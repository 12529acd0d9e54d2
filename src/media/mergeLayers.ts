import { Text2LiveError } from '../errors.js'
import { pixelImage, type PixelImage } from './quantise.js'

/**
 * Layers laid over each other as one layer: over any picture it looks as they do, within rounding (Porter and Duff,
 * "Compositing Digital Images", 1984: `over`).
 * @param layers RGBA, 8 bits, straight alpha, of one size, the lowest first
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export function mergeLayers(layers: readonly PixelImage[]): PixelImage {
  const [lowest] = layers
  if (lowest === undefined || layers.some((layer) => !fits(layer, lowest)))
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `mergeLayers expected RGBA layers of 8 bits and one size, got ${layers.map(({ width, height, channels, bitDepth }) => `${width}x${height}x${channels} of ${bitDepth} bits`).join(', ') || 'none'}.`,
    )
  const { width, height } = lowest
  const data = Uint8Array.from(lowest.data)
  for (const { data: over } of layers.slice(1)) {
    for (let at = 0; at < data.length; at += 4) {
      const alpha = over[at + 3]! / 255
      if (alpha === 0) continue
      const under = (data[at + 3]! / 255) * (1 - alpha)
      const whole = alpha + under
      for (let c = at; c < at + 3; c++) data[c] = Math.round((alpha * over[c]! + under * data[c]!) / whole)
      data[at + 3] = Math.round(255 * whole)
    }
  }
  return pixelImage(width, height, 4, data)
}

/** A layer with its alpha times `opacity`, [0, 1]; colours stay. */
export function withOpacity(layer: PixelImage, opacity: number): PixelImage {
  if (opacity === 1) return layer
  const { width, height } = layer
  const data = Uint8Array.from(layer.data)
  for (let at = 3; at < data.length; at += 4) data[at] = Math.round(data[at]! * opacity)
  return pixelImage(width, height, 4, data)
}

const fits = (layer: PixelImage, { width, height }: PixelImage): boolean =>
  layer.width === width && layer.height === height && layer.channels === 4 && layer.bitDepth === 8
