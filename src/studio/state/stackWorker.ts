import { encodeOra } from '../../media/encodeOra.js'
import { encodePsd } from '../../media/encodePsd.js'
import { layeredStrips, layerOver } from '../../media/layeredStrips.js'
import { mergeLayers, withOpacity } from '../../media/mergeLayers.js'
import { quantise, pixelImage, type PixelImage } from '../../media/quantise.js'
import { stripsOf } from '../../media/strips.js'
import { browserCodec } from '../../media/web/browserCodec.js'
import { answerPage } from '../parts/askWorker.js'
import type { StackRequest } from './stackFile.js'

// Composes one file of a stack: decoding and encoding a large photo takes seconds, in which the page stays free.
answerPage(compose)

async function compose({ file, photo, layers }: StackRequest): Promise<Blob> {
  const { pixels } = await browserCodec.decodePhoto(photo)
  const edits: { readonly name: string; readonly image: PixelImage }[] = []
  for (const { name, png, opacity } of layers) {
    const decoded = await browserCodec.decodePhoto({ name: `${name}.png`, bytes: png })
    edits.push({ name, image: withOpacity(layerOver(`"${name}"`, decoded.pixels, pixels), opacity) })
  }
  if (file === 'edit') return blob(await browserCodec.encodePng(mergeLayers(edits.map(({ image }) => image))), 'png')
  const composite = compositeOf(
    pixels,
    edits.map(({ image }) => image),
  )
  if (file === 'composite') return blob(await browserCodec.encodePng(composite), 'png')
  const { name, image } = edits.at(-1)!
  const picture = { photo: pixels, below: edits.slice(0, -1), edit: image, name, composite }
  return file === 'psd'
    ? blob(encodePsd(picture), 'vnd.adobe.photoshop')
    : blob(await encodeOra(picture, browserCodec.encodePng), 'openraster')
}

/** The photo under the layers, its own alpha and bit depth kept. */
function compositeOf(photo: PixelImage, layers: readonly PixelImage[]): PixelImage {
  const { width, height, channels, bitDepth } = photo
  const data = photo.data.slice()
  const strips = layeredStrips(photo, layers)
  for (const { y, rows } of stripsOf(height)) {
    const colours = quantise(strips.strip(y, rows), bitDepth).data
    for (let i = 0; i < rows * width; i++)
      for (let c = 0; c < 3; c++) data[(y * width + i) * channels + c] = colours[3 * i + c]!
  }
  return pixelImage(width, height, channels, data)
}

const blob = (bytes: Uint8Array, type: string): Blob =>
  new Blob([bytes as Uint8Array<ArrayBuffer>], { type: `${type === 'png' ? 'image' : 'application'}/${type}` })
