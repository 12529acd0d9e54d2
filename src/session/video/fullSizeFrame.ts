import { type RenderedFrame } from '../../atlas/renderEdit.js'
import { compositeOver } from '../../media/compositeOver.js'
import type { FloatImage } from '../../media/image.js'
import { dequantise, pixelImage, quantise } from '../../media/quantise.js'
import { refineLayer } from '../../media/refineLayer.js'

interface Size {
  readonly width: number
  readonly height: number
}

/**
 * A rendered frame at the clip's own size: the edit layer is enlarged along the edges of the original frame, as that of
 * a photo, and laid over it.
 * @param layer RGBA bytes at the size of `small`
 * @param small, full the original frame as RGB bytes at both sizes
 */
export function fullSizeFrame(
  layer: Uint8Array,
  small: Uint8Array,
  smallSize: Size,
  full: Uint8Array,
  fullSize: Size,
): RenderedFrame {
  const picture = (bytes: Uint8Array, { width, height }: Size, channels: 3 | 4): FloatImage =>
    dequantise(pixelImage(width, height, channels, bytes))
  const original = picture(full, fullSize, 3)
  const refined = refineLayer(original, picture(layer, smallSize, 4), picture(small, smallSize, 3))
  // From the rounded layer, so that whoever puts the layer over the frame gets this frame.
  const bytes = quantise(refined, 8)
  const frame = quantise(compositeOver(dequantise(bytes), original), 8)
  return { frame: frame.data as Uint8Array, layer: bytes.data as Uint8Array }
}
