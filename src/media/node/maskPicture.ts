import type { MaskPicture } from '../maskReading.js'
import { alphaStrips, colourStrips, stripsOf, wholeOf } from '../strips.js'
import { decodePixels, type ImageHeader } from './readImage.js'
import { sharp } from './sharp.js'

/**
 * Decodes a picture so far that a mask can be read from it. Of a palette with colours, the indices are what counts: as DAVIS, SAM 2 and other programs write labels.
 * @throws Text2LiveError INPUT_TRUNCATED
 */
export async function maskPicture(header: ImageHeader): Promise<MaskPicture> {
  const { name, width, height, format } = header
  const exact = format === 'png' || format === 'tiff'
  const labels = format === 'png' && header.metadata.isPalette ? await paletteLabels(header) : null
  if (labels !== null) return { name, width, height, white: 255, kind: 'labels', colours: null, exact, ...labels }
  const pixels = await decodePixels(header)
  const plane = width * height
  const white = header.bitDepth === 16 ? 65535 : 255
  const codes = white === 255 ? new Uint8Array(plane) : new Uint16Array(plane)
  const colours = new Uint32Array(plane)
  let tinted = false
  const strips = colourStrips(pixels)
  for (const { y, rows } of stripsOf(height)) {
    const { data } = strips.strip(y, rows)
    const area = rows * width
    for (let i = 0, at = y * width; i < area; i++, at++) {
      const [r, g, b] = [data[i]!, data[area + i]!, data[2 * area + i]!]
      codes[at] = Math.round((0.299 * r + 0.587 * g + 0.114 * b) * white)
      // A dark colour is not black, however dark.
      colours[at] = (byte(r) << 16) | (byte(g) << 8) | byte(b)
      tinted ||= Math.max(r, g, b) - Math.min(r, g, b) > 16 / 255
    }
  }
  const alpha = pixels.channels === 4 ? wholeOf(alphaStrips(pixels)).data : null
  const cut = alpha?.some((value) => value < 1) ? alpha : null
  return { name, width, height, white, codes, alpha: cut, kind: tinted ? 'colour' : 'grey', colours: tinted ? colours : null, exact, notes: [] }
}

const byte = (value: number): number => Math.round(255 * value)

/** PASCAL VOC's colour of what belongs to no object for sure, its index 255. */
const voidColour = 0xe0e0c0

/** Index by pixel; null for a palette of greys, which is a grey picture like others. */
async function paletteLabels(header: ImageHeader): Promise<Pick<MaskPicture, 'codes' | 'alpha' | 'notes'> | null> {
  const chunks = pngChunks(header.bytes)
  const palette = chunks.find(({ type }) => type === 'PLTE')?.data
  const depth = chunks[0]?.data[8]
  if (palette === undefined || depth === undefined || chunks[0]?.type !== 'IHDR') return null
  const shares = chunks.find(({ type }) => type === 'tRNS')?.data
  // Indices have the layout of greys of that depth, which are spread over 0 to 255 as they are decoded.
  const grey = sharp(asGrey(chunks), { failOn: 'error', limitInputPixels: false }).autoOrient().toColourspace('b-w').extractChannel(0).raw()
  const step = 255 / (2 ** depth - 1)
  const indices = Uint8Array.from(await grey.toBuffer(), (value) => Math.round(value / step))
  const used = new Uint8Array(256)
  for (const index of indices) used[index] = 1
  const entries = Array.from(used.keys()).filter((index) => used[index] === 1)
  const colour = (index: number): number => ((palette[3 * index] ?? 0) << 16) | ((palette[3 * index + 1] ?? 0) << 8) | (palette[3 * index + 2] ?? 0)
  const opacity = (index: number): number => (shares?.[index] ?? 255) / 255
  const isGrey = entries.every((index) => {
    const [r, g, b] = [palette[3 * index] ?? 0, palette[3 * index + 1] ?? 0, palette[3 * index + 2] ?? 0]
    return Math.max(r, g, b) - Math.min(r, g, b) <= 16
  })
  if (isGrey) return null
  const isGround = (index: number): boolean => colour(index) === 0 || opacity(index) < 0.5
  // The background is index 0, but for a palette that a program has sorted by another rule.
  const ground = used[0] === 1 && !isGround(0) ? entries.find(isGround) ?? 0 : 0
  const isVoid = used[255] === 1 && colour(255) === voidColour && entries.length > 2
  const codes = indices.map((index) => (index === ground || (isVoid && index === 255) ? 0 : index === 0 ? ground : index))
  const alpha = entries.some((index) => opacity(index) < 1) ? Float32Array.from(indices, opacity) : null
  return { codes, alpha, notes: isVoid ? [`${header.name} has pixels of index 255, the void of PASCAL VOC, which count as background`] : [] }
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
    chunks.push({ type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)), data: bytes.subarray(at + 8, at + 8 + length) })
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
