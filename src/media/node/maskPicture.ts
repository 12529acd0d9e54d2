import { labelsOf, maskPictureOf } from '../maskPicture.js'
import type { MaskPicture } from '../maskReading.js'
import { decodePixels, type ImageHeader } from './readImage.js'
import { damagedImage } from '../photo.js'
import { sharp } from './sharp.js'

/**
 * Decodes a picture so far that a mask can be read from it.
 * @throws Text2LiveError INPUT_TRUNCATED
 */
export async function maskPicture(header: ImageHeader): Promise<MaskPicture> {
  const { name, format } = header
  const labels = format === 'png' && header.metadata.isPalette ? await paletteLabels(header) : null
  return labels ?? maskPictureOf(name, await decodePixels(header), format === 'png' || format === 'tiff')
}

async function paletteLabels(header: ImageHeader): Promise<MaskPicture | null> {
  const { name, width, height } = header
  const chunks = pngChunks(header.bytes)
  const palette = chunks.find(({ type }) => type === 'PLTE')?.data
  const depth = chunks[0]?.data[8]
  if (palette === undefined || depth === undefined || chunks[0]?.type !== 'IHDR') return null
  const shares = chunks.find(({ type }) => type === 'tRNS')?.data
  // Indices have the layout of greys of that depth, which are spread over 0 to 255 as they are decoded.
  const grey = sharp(asGrey(chunks), { failOn: 'error', limitInputPixels: header.width * header.height })
    .autoOrient()
    .toColourspace('b-w')
    .extractChannel(0)
    .raw()
  const step = 255 / (2 ** depth - 1)
  const spread = await grey.toBuffer().catch((cause: unknown) => {
    throw damagedImage(header.name, 'PNG', cause)
  })
  const indices = new Uint8Array(spread).map((value) => Math.round(value / step))
  return labelsOf({
    name,
    width,
    height,
    indices,
    colour: (index) =>
      ((palette[3 * index] ?? 0) << 16) | ((palette[3 * index + 1] ?? 0) << 8) | (palette[3 * index + 2] ?? 0),
    opacity: (index) => (shares?.[index] ?? 255) / 255,
  })
}

interface Chunk {
  readonly type: string
  readonly data: Uint8Array
}

/** The chunks of a PNG as far as they are whole. */
function pngChunks(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chunks: Chunk[] = []
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at)
    if (at + 12 + length > bytes.length) break
    chunks.push({
      type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)),
      data: bytes.subarray(at + 8, at + 8 + length),
    })
    at += 12 + length
  }
  return chunks
}

/** The file with its indices declared to be greys, without what would change them. */
function asGrey(chunks: readonly Chunk[]): Uint8Array {
  const kept = chunks.filter(({ type }) => ['IHDR', 'IDAT', 'IEND', 'eXIf'].includes(type))
  const out = new Uint8Array(8 + kept.reduce((sum, { data }) => sum + 12 + data.length, 0))
  const view = new DataView(out.buffer)
  out.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  let at = 8
  for (const { type, data } of kept) {
    view.setUint32(at, data.length)
    out.set(Buffer.from(type, 'latin1'), at + 4)
    out.set(data, at + 8)
    if (type === 'IHDR') out[at + 8 + 9] = 0
    view.setUint32(at + 8 + data.length, crc32(out.subarray(at + 4, at + 8 + data.length)))
    at += 12 + data.length
  }
  return out
}

/** Of a chunk (PNG, annex D); Node has one of its own from 20.15 on. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const value of bytes) {
    crc ^= value
    for (let k = 0; k < 8; k++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
