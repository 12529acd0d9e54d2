import { Text2LiveError } from '../errors.js'
import { pixelImage, type PixelImage } from './quantise.js'
import { colourStrips, type Strips, withData } from './strips.js'

/**
 * The colours of a picture under layers of its size, the lowest first: each laid over what is below it and rounded to
 * the picture's bit depth, so that over one layer it is the composite of that layer's run, to the bit with 8 bits.
 * @param layers RGBA, 8 bits, straight alpha
 */
export function layeredStrips(picture: PixelImage, layers: readonly PixelImage[]): Strips {
  const base = colourStrips(picture)
  if (layers.length === 0) return base
  const { width, height, bitDepth } = picture
  const top = bitDepth === 8 ? 255 : 65535
  return withData({
    width,
    height,
    channels: 3,
    strip(y, rows) {
      const { data } = base.strip(y, rows)
      const plane = rows * width
      for (const layer of layers) {
        for (let i = 0; i < plane; i++) {
          const at = 4 * (y * width + i)
          const alpha = layer.data[at + 3]! / 255
          if (alpha === 0) continue
          for (let c = 0; c < 3; c++) {
            const under = Math.round(data[c * plane + i]! * top)
            const over = Math.round(alpha * (layer.data[at + c]! / 255) * top + (1 - alpha) * under)
            data[c * plane + i] = over / top
          }
        }
      }
      return { width, height: rows, channels: 3, data }
    },
  })
}

/**
 * A decoded picture as a layer over a photo.
 * @param name as messages call it
 * @returns RGBA, 8 bits
 * @throws Text2LiveError LAYER_UNSUPPORTED for another size, or without alpha
 */
export function layerOver(
  name: string,
  pixels: PixelImage,
  { width, height }: Pick<PixelImage, 'width' | 'height'>,
): PixelImage {
  if (pixels.width === width && pixels.height === height && pixels.channels === 4 && pixels.bitDepth === 8)
    return pixelImage(width, height, 4, pixels.data)
  throw new Text2LiveError(
    'LAYER_UNSUPPORTED',
    `Expected ${name} to be a layer over the photo, of its size, ${width}x${height}, with 8 bits and alpha, but it is ${pixels.width}x${pixels.height} with ` +
      `${pixels.channels} channels of ${pixels.bitDepth} bits. Stand on runs of this photo only, and write their pictures again with: text2live render`,
  )
}
