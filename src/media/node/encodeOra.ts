import { strToU8, zipSync, type Zippable } from 'fflate'
import { toEightBits } from '../quantise.js'
import { encodePng } from './encodePng.js'
import { checkLayers, layerNames, type LayeredPicture } from './encodePsd.js'
import { sharp } from './sharp.js'

/** The first day that zip files know: the same picture gives the same bytes. */
const mtime = new Date(1980, 0, 1)

/**
 * An OpenRaster document (Krita, GIMP, MyPaint) with the layers "photo" and above it "edit layer"; samples keep their bit depth.
 *
 * @param made the PNGs of edit and composite, where they have been made before
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export async function encodeOra(picture: LayeredPicture, made: { readonly edit?: Uint8Array; readonly composite?: Uint8Array } = {}): Promise<Buffer> {
  checkLayers(picture)
  const { photo, edit, composite } = picture
  const { width, height } = photo
  const photoPng = await encodePng(photo)
  const editPng = made.edit ?? await encodePng(edit)
  const mergedPng = made.composite ?? await encodePng(composite)
  const small = toEightBits(composite)
  const thumbnail = await sharp(small.data, { raw: { width, height, channels: small.channels }, limitInputPixels: false })
    .resize(256, 256, { fit: 'inside', withoutEnlargement: true }).png().toBuffer()
  const layer = (name: string, src: string) =>
    `    <layer name="${name}" src="${src}" x="0" y="0" opacity="1.0" visibility="visible" composite-op="svg:src-over"/>\n`
  const stack = `<?xml version="1.0" encoding="UTF-8"?>\n<image version="0.0.3" w="${width}" h="${height}">\n  <stack>\n`
    + layer(layerNames[0], 'data/edit.png') + layer(layerNames[1], 'data/photo.png') + '  </stack>\n</image>\n'
  // The order matters: mimetype first and stored, so that the type can be told from the first bytes.
  const files: Zippable = {
    mimetype: [strToU8('image/openraster'), { level: 0, mtime }],
    'stack.xml': [strToU8(stack), { level: 6, mtime }],
    'data/edit.png': [editPng, { level: 0, mtime }],
    'data/photo.png': [photoPng, { level: 0, mtime }],
    'mergedimage.png': [mergedPng, { level: 0, mtime }],
    'Thumbnails/thumbnail.png': [thumbnail, { level: 0, mtime }],
  }
  const zip = zipSync(files)
  return Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength)
}
