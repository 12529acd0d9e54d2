import { strToU8, zipSync, type Zippable } from 'fflate'
import { checkLayers, layerNames, type LayeredPicture } from './encodePsd.js'
import type { FloatImage } from './image.js'
import type { ImageCodec } from './imageCodec.js'
import { quantise, type PixelImage } from './quantise.js'
import { resizeStrips } from './resample.js'
import { alphaStrips, colourStrips } from './strips.js'

/** The first day that zip files know: the same picture gives the same bytes. */
const mtime = new Date(1980, 0, 1)

/**
 * An OpenRaster document (Krita, GIMP, MyPaint) with the layers "photo", those that the edit stands on, and above them
 * the edit; samples keep their bit depth.
 *
 * @param encodePng of the machine's codec
 * @param made the PNGs of the edit, of what is below it, and of the composite, where they have been made before
 * @throws Text2LiveError SHAPE_MISMATCH
 */
export async function encodeOra(
  picture: LayeredPicture,
  encodePng: ImageCodec['encodePng'],
  made: { readonly edit?: Uint8Array; readonly below?: readonly Uint8Array[]; readonly composite?: Uint8Array } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkLayers(picture)
  const { photo, below = [], edit, name = layerNames[0], composite } = picture
  const { width, height } = photo
  const photoPng = await encodePng(photo)
  const editPng = made.edit ?? (await encodePng(edit))
  const belowPngs: Uint8Array[] = []
  for (const [i, { image }] of below.entries()) belowPngs.push(made.below?.[i] ?? (await encodePng(image)))
  const belowFile = (i: number): string => `data/below-${i + 1}.png`
  const mergedPng = made.composite ?? (await encodePng(composite))
  const layer = (called: string, src: string) =>
    `    <layer name="${escaped(called)}" src="${src}" x="0" y="0" opacity="1.0" visibility="visible" composite-op="svg:src-over"/>\n`
  const stack =
    `<?xml version="1.0" encoding="UTF-8"?>\n<image version="0.0.3" w="${width}" h="${height}">\n  <stack>\n` +
    layer(name, 'data/edit.png') +
    below
      .map((each, i) => layer(each.name, belowFile(i)))
      .reverse()
      .join('') +
    layer(layerNames[1], 'data/photo.png') +
    '  </stack>\n</image>\n'
  // The order matters: mimetype first and stored, so that the type can be told from the first bytes.
  const files: Zippable = {
    mimetype: [strToU8('image/openraster'), { level: 0, mtime }],
    'stack.xml': [strToU8(stack), { level: 6, mtime }],
    'data/edit.png': [editPng, { level: 0, mtime }],
    ...Object.fromEntries(belowPngs.map((png, i) => [belowFile(i), [png, { level: 0, mtime }] as const])),
    'data/photo.png': [photoPng, { level: 0, mtime }],
    'mergedimage.png': [mergedPng, { level: 0, mtime }],
    'Thumbnails/thumbnail.png': [await encodePng(thumbnail(composite)), { level: 0, mtime }],
  }
  return zipSync(files)
}

/** A name as the value of an XML attribute; what XML 1.0 cannot hold is left out. */
function escaped(name: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  const allowed = name.replaceAll(/[^\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, ' ')
  return allowed.replaceAll(/[&<>"]/g, (letter) => entities[letter]!)
}

/** Longest side of the thumbnail, px, as the OpenRaster specification asks. */
const THUMBNAIL = 256

function thumbnail(picture: PixelImage): PixelImage {
  const scale = Math.min(1, THUMBNAIL / Math.max(picture.width, picture.height))
  const [width, height] = [
    Math.max(1, Math.round(picture.width * scale)),
    Math.max(1, Math.round(picture.height * scale)),
  ]
  const small = (strips: Parameters<typeof resizeStrips>[0]): FloatImage =>
    resizeStrips(strips, width, height, { filter: 'bilinear', antialias: true })
  const colours = small(colourStrips(picture))
  if (picture.channels !== 4) return quantise(colours, 8)
  return quantise(
    { width, height, channels: 4, data: Float32Array.from([...colours.data, ...small(alphaStrips(picture)).data]) },
    8,
  )
}
