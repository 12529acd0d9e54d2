import { Text2LiveError } from '../errors.js'
import { concatBytes } from './bytes.js'
import type { PixelImage } from './quantise.js'
import { packBits, packedRoom } from './packBits.js'

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
export const writePsdLayers = (composite: PixelImage, layers: readonly PsdLayer[]): Uint8Array<ArrayBuffer> =>
  concatBytes(psdLayerPieces(composite, layers))

/**
 * As `writePsdLayers`, in pieces: beside the pictures it holds only the packed channels of the layers, whose lengths
 * stand before them in the file. `ag-psd` would hold each picture several times over; what it writes is the same, byte
 * for byte.
 */
export function psdLayerPieces(composite: PixelImage, layers: readonly PsdLayer[]): Generator<Uint8Array> {
  const { width, height } = composite
  if (width > 30000 || height > 30000) {
    throw new Text2LiveError('INPUT_TOO_LARGE', `A PSD file has sides of at most 30000 px, got ${width}x${height}.`)
  }
  return pieces(composite, layers)
}

/** -1 is alpha. */
const layerChannels = [-1, 0, 1, 2] as const
type Channel = (typeof layerChannels)[number]

function* pieces(composite: PixelImage, layers: readonly PsdLayer[]): Generator<Uint8Array> {
  const { width, height } = composite
  const room = new Uint8Array(packedRoom(width) * height)
  const packed = layers.map(({ image }) => layerChannels.map((channel) => packChannel(image, channel, room)))
  const transparent = hidesSomething(composite)

  const records = layers.map(({ name, hidden = false }, i) =>
    layerRecord(
      name,
      hidden,
      width,
      height,
      packed[i]!.map(({ counts, rows }) => counts.length + rows.length),
    ),
  )
  const bodies = packed.flat().reduce((sum, { counts, rows }) => sum + 2 + counts.length + rows.length, 0)
  const info = 2 + records.reduce((sum, { length }) => sum + length, 0) + bodies
  const infoPadding = (4 - (info % 4)) % 4

  yield concatBytes([
    ascii('8BPS'),
    u16(1),
    new Uint8Array(6),
    u16(transparent ? 4 : 3),
    u32(height),
    u32(width),
    u16(8),
    u16(3), // RGB
    u32(0), // no palette
    sized(
      concatBytes([
        resource(0x0402, new Uint8Array(2 * layers.length)),
        resource(0x0430, new Uint8Array(layers.length).fill(1)),
      ]),
    ), // layers stand in no group
    u32(4 + info + infoPadding + 4),
    u32(info + infoPadding),
    // A negative count says that the composite's fourth channel is its alpha.
    i16(transparent ? -layers.length : layers.length),
    ...records,
  ])
  for (const layer of packed) {
    for (let channel = layer.shift(); channel !== undefined; channel = layer.shift())
      yield* [u16(packBitsCoding), channel.counts, channel.rows]
  }
  yield new Uint8Array(infoPadding + 4) // and no global mask

  // All counts come before all rows.
  yield u16(packBitsCoding)
  const colours = ([0, 1, 2] as const).map((channel) => packChannel(composite, channel, room, transparent))
  if (transparent) colours.push(packChannel(composite, -1, room))
  yield* colours.map(({ counts }) => counts)
  for (let channel = colours.shift(); channel !== undefined; channel = colours.shift()) yield channel.rows
}

const packBitsCoding = 1

/** The record of a layer; its channels follow behind all records. */
function layerRecord(
  name: string,
  hidden: boolean,
  width: number,
  height: number,
  lengths: readonly number[],
): Uint8Array {
  const wide = concatBytes([u32(name.length), ...Array.from(name, (_, i) => u16(name.charCodeAt(i)))])
  const short = ascii(name.slice(0, 255).replaceAll(/[^\0-\x7f]/g, '?'))
  return concatBytes([
    u32(0),
    u32(0),
    u32(height),
    u32(width),
    u16(lengths.length),
    ...lengths.flatMap((length, i) => [i16(layerChannels[i]!), u32(2 + length)]),
    ascii('8BIM'),
    ascii('norm'),
    Uint8Array.of(255, 0, hidden ? 0x0a : 0x08, 0),
    sized(
      concatBytes([
        u32(0),
        u32(0), // no mask, no blending ranges
        padded(concatBytes([Uint8Array.of(short.length), short]), 4),
        ascii('8BIM'),
        ascii('luni'),
        sized(padded(wide, 4)),
      ]),
    ),
  ])
}

interface PackedChannel {
  /** Two bytes for each row: how long it is, packed. */
  readonly counts: Uint8Array
  readonly rows: Uint8Array
}

/**
 * @param room for the packed rows; what is in it is copied out
 * @param matte over white by the picture's alpha, as Photoshop keeps its composites
 */
function packChannel(image: PixelImage, channel: Channel, room: Uint8Array, matte = false): PackedChannel {
  const { width, height } = image
  const row = new Uint8Array(width)
  const alpha = new Uint8Array(width)
  const counts = new Uint8Array(2 * height)
  const lengths = new DataView(counts.buffer)
  let end = 0
  for (let y = 0; y < height; y++) {
    readRow(image, channel, y, row)
    if (matte) {
      readRow(image, -1, y, alpha)
      for (let x = 0; x < width; x++)
        if (alpha[x] !== 0 && alpha[x] !== 255) row[x] = row[x]! * (alpha[x]! / 255) + 255 * (1 - alpha[x]! / 255)
    }
    const start = end
    end = packBits(row, room, start)
    lengths.setUint16(2 * y, end - start)
  }
  return { counts, rows: room.slice(0, end) }
}

/** One row of a channel in 8 bits; what has no alpha is opaque. */
function readRow({ width, channels, bitDepth, data }: PixelImage, channel: Channel, y: number, row: Uint8Array): void {
  if (channel === -1 && channels !== 4) {
    row.fill(255)
    return
  }
  const first = y * width * channels + (channel === -1 ? 3 : channels === 1 ? 0 : channel)
  if (bitDepth === 8) for (let x = 0; x < width; x++) row[x] = data[first + x * channels]!
  else for (let x = 0; x < width; x++) row[x] = Math.round(data[first + x * channels]! / 257)
}

function hidesSomething(image: PixelImage): boolean {
  if (image.channels !== 4) return false
  const row = new Uint8Array(image.width)
  for (let y = 0; y < image.height; y++) {
    readRow(image, -1, y, row)
    if (row.some((value) => value !== 255)) return true
  }
  return false
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Whole numbers as the format has them, the highest byte first. */
function written(bytes: number, write: (view: DataView) => void): Uint8Array {
  const out = new Uint8Array(bytes)
  write(new DataView(out.buffer))
  return out
}

const u16 = (value: number): Uint8Array => written(2, (view) => view.setUint16(0, value))
const i16 = (value: number): Uint8Array => written(2, (view) => view.setInt16(0, value))
const u32 = (value: number): Uint8Array => written(4, (view) => view.setUint32(0, value))

/** The bytes behind their length. */
const sized = (bytes: Uint8Array): Uint8Array => concatBytes([u32(bytes.length), bytes])

const padded = (bytes: Uint8Array, to: number): Uint8Array =>
  concatBytes([bytes, new Uint8Array((to - (bytes.length % to)) % to)])

/** An image resource without a name; its length does not count the padding. */
const resource = (id: number, bytes: Uint8Array): Uint8Array =>
  concatBytes([ascii('8BIM'), u16(id), new Uint8Array(2), u32(bytes.length), padded(bytes, 2)])
