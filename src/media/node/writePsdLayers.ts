import { writePsdUint8Array } from 'ag-psd'
import { Text2LiveError } from '../../errors.js'
import { toEightBits, type PixelImage } from '../quantise.js'

interface PsdLayer {
  readonly name: string
  /** Of the document's size. */
  readonly image: PixelImage
  readonly hidden?: true
}

/**
 * A Photoshop document, 8 bits RGB.
 * @param composite what programs show that do not read layers; its size is the document's
 * @param layers from the bottom
 * @throws Text2LiveError INPUT_TOO_LARGE when a side is over 30000 px, the format's limit
 */
export function writePsdLayers(composite: PixelImage, layers: readonly PsdLayer[]): Buffer {
  const { width, height } = composite
  if (width > 30000 || height > 30000) {
    throw new Text2LiveError('INPUT_TOO_LARGE', `A PSD file has sides of at most 30000 px, got ${width}x${height}.`)
  }
  const bytes = writePsdUint8Array({
    width, height, imageData: rgba(composite),
    children: layers.map(({ name, image, hidden = false }) => ({ name, left: 0, top: 0, hidden, imageData: rgba(image) })),
  }, { noBackground: true })
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function rgba(pixels: PixelImage): { width: number; height: number; data: Uint8ClampedArray } {
  const { width, height, channels, data } = toEightBits(pixels)
  const out = new Uint8ClampedArray(4 * width * height)
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) out[4 * i + c] = data[channels * i + (channels < 3 ? 0 : c)]!
    out[4 * i + 3] = channels === 4 ? data[4 * i + 3]! : 255
  }
  return { width, height, data: out }
}
