import type { PixelImage } from '../quantise.js'
import { sharp } from './sharp.js'

/**
 * A PNG of the same samples: grey, RGB or RGBA, 8 or 16 bits. Alpha is straight; colours under alpha 0 are kept.
 */
export async function encodePng(pixels: PixelImage): Promise<Buffer> {
  const { width, height, channels, data } = pixels
  const space = pixels.bitDepth === 8 ? (channels === 1 ? 'b-w' : 'srgb') : channels === 1 ? 'grey16' : 'rgb16'
  return sharp(data, { raw: { width, height, channels }, limitInputPixels: false })
    .toColourspace(space)
    .png()
    .toBuffer()
}
