import { writePsdUint8Array } from 'ag-psd'
import { Text2LiveError } from '../../errors.js'
import { toEightBits, type PixelImage } from '../quantise.js'

/** What a layered file is made of, all of one size; `composeOutputs` gives it. */
export interface LayeredPicture {
  /** RGB, or RGBA where the photo has its own alpha. */
  readonly photo: PixelImage
  /** RGBA, straight alpha. */
  readonly edit: PixelImage
  /** RGB or RGBA: what programs show that do not read layers. */
  readonly composite: PixelImage
}

/** Names of the layers, from the top. */
export const layerNames = ['edit layer', 'photo'] as const

/**
 * A Photoshop document, 8 bits RGB, with the layers "photo" and above it "edit layer".
 *
 * @throws Text2LiveError SHAPE_MISMATCH; INPUT_TOO_LARGE when a side is over 30000 px, the format's limit
 */
export function encodePsd({ photo, edit, composite }: LayeredPicture): Buffer {
  const { width, height } = photo
  checkLayers({ photo, edit, composite })
  if (width > 30000 || height > 30000) {
    throw new Text2LiveError('INPUT_TOO_LARGE', `A PSD file has sides of at most 30000 px, got ${width}x${height}.`)
  }
  const bytes = writePsdUint8Array({
    width, height, imageData: rgba(composite),
    children: [
      { name: layerNames[1], left: 0, top: 0, imageData: rgba(photo) },
      { name: layerNames[0], left: 0, top: 0, imageData: rgba(edit) },
    ],
  }, { noBackground: true })
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** @throws Text2LiveError SHAPE_MISMATCH unless edit, photo and composite are of one size and have the channels they should */
export function checkLayers({ photo, edit, composite }: LayeredPicture): void {
  const sameSize = [edit, composite].every((image) => image.width === photo.width && image.height === photo.height)
  if (!sameSize || photo.channels === 1 || edit.channels !== 4 || composite.channels === 1) {
    throw new Text2LiveError('SHAPE_MISMATCH', 'A layered file expected an RGBA edit, and a photo and composite in RGB or RGBA, of one size, got '
      + [edit, photo, composite].map((image) => `${image.width}x${image.height}x${image.channels}`).join(', ') + '.')
  }
}

function rgba(pixels: PixelImage): { width: number; height: number; data: Uint8ClampedArray } {
  const { width, height, channels, data } = toEightBits(pixels)
  const out = new Uint8ClampedArray(4 * width * height)
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) out[4 * i + c] = data[channels * i + c]!
    out[4 * i + 3] = channels === 4 ? data[4 * i + 3]! : 255
  }
  return { width, height, data: out }
}
