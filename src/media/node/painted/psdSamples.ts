import { inflateSync } from 'node:zlib'
import { ByteReader } from './byteReader.js'
import type { Rectangle } from './psdStructure.js'

/** How samples are laid out; the size is that of the canvas they are put on. */
interface SampleLayout {
  readonly width: number
  readonly height: number
  readonly depth: 8 | 16
  readonly large: boolean
}

/**
 * The samples of a layer's channel at their place on a canvas, [0, 1].
 * @param channel compression, then bytes
 * @param outside the value where the channel has no samples
 * @throws RangeError for what is damaged or cut
 */
export function decodeChannel(
  channel: Uint8Array,
  place: Rectangle,
  layout: SampleLayout,
  outside: number,
): Float32Array {
  const plane = new Float32Array(layout.width * layout.height).fill(outside)
  const [width, height] = [place.right - place.left, place.bottom - place.top]
  if (width === 0 || height === 0) return plane
  const reader = new ByteReader(channel)
  const rows = openRows(reader, reader.u16(), width, height, 1, layout)
  for (let y = 0; y < height; y++) {
    // Rows beside the canvas are passed over.
    if (y + place.top >= 0 && y + place.top < layout.height)
      putRow(rows.row(y), place.left, width, plane, y + place.top, layout)
  }
  return plane
}

/**
 * The first `wanted` of a merged picture's channels, each of the canvas's size, [0, 1].
 * @param count how many it holds
 * @throws RangeError for what is damaged or cut
 */
export function decodeMerged(
  merged: Uint8Array,
  count: number,
  wanted: readonly number[],
  layout: SampleLayout,
): Float32Array[] {
  const { width, height } = layout
  const reader = new ByteReader(merged)
  const compression = reader.u16()
  if (compression > 1) throw new RangeError(`its merged picture has the compression ${compression}`)
  const rows = openRows(reader, compression, width, height, count, layout)
  return wanted.map((channel) => {
    const plane = new Float32Array(width * height)
    for (let y = 0; y < height; y++) putRow(rows.row(channel * height + y), 0, width, plane, y, layout)
    return plane
  })
}

/** Rows of samples by their number. Everything is checked to be there before anything is decoded. */
function openRows(
  reader: ByteReader,
  compression: number,
  width: number,
  height: number,
  channels: number,
  { depth, large }: SampleLayout,
): { row: (y: number) => Uint8Array } {
  const rowBytes = (width * depth) / 8
  const count = height * channels
  if (compression === 0) {
    const all = reader.take(count * rowBytes)
    return { row: (y) => all.subarray(y * rowBytes, (y + 1) * rowBytes) }
  }
  if (compression === 1) {
    const lengths = reader.section(count * (large ? 4 : 2))
    const starts = new Float64Array(count + 1)
    // A run of two bytes gives 128 at most: what claims more is not there.
    const least = 2 * Math.ceil(rowBytes / 128)
    for (let y = 0; y < count; y++) {
      const length = large ? lengths.u32() : lengths.u16()
      if (length < least) throw new RangeError(`a row of ${rowBytes} bytes is packed into ${length}`)
      starts[y + 1] = starts[y]! + length
    }
    const all = reader.take(starts[count]!)
    const row = new Uint8Array(rowBytes)
    return { row: (y) => unpackBits(all.subarray(starts[y], starts[y + 1]), row) }
  }
  if (compression !== 2 && compression !== 3) throw new RangeError(`a layer has the compression ${compression}`)
  const all = inflated(reader.take(reader.left), count * rowBytes)
  if (compression === 3)
    for (let y = 0; y < count; y++) undoPrediction(all.subarray(y * rowBytes, (y + 1) * rowBytes), depth)
  return { row: (y) => all.subarray(y * rowBytes, (y + 1) * rowBytes) }
}

/** Of exactly `length` bytes. */
function inflated(packed: Uint8Array, length: number): Uint8Array {
  // zlib makes 1032 bytes of one at most.
  if (packed.length < length / 1032) throw new RangeError(`${length} bytes are packed into ${packed.length}`)
  const all = inflateSync(packed, { maxOutputLength: length + 1 })
  if (all.length !== length)
    throw new RangeError(`a layer unfolds into ${all.length} bytes, and ${length} were expected`)
  return all
}

/** PackBits. What is packed beyond the row is left. */
function unpackBits(packed: Uint8Array, row: Uint8Array): Uint8Array {
  let x = 0
  for (let i = 0; i < packed.length && x < row.length;) {
    const head = packed[i++]!
    if (head === 128) continue
    const count = Math.min(head < 128 ? head + 1 : 257 - head, row.length - x)
    if (head < 128) {
      if (i + count > packed.length) break
      row.set(packed.subarray(i, i + count), x)
      i += head + 1
    } else {
      if (i >= packed.length) break
      row.fill(packed[i++]!, x, x + count)
    }
    x += count
  }
  if (x < row.length) throw new RangeError('a row of a layer is cut')
  return row
}

/** Each sample was stored as its difference from the one before. */
function undoPrediction(row: Uint8Array, depth: 8 | 16): void {
  if (depth === 8) {
    for (let x = 1; x < row.length; x++) row[x]! += row[x - 1]!
    return
  }
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
  for (let x = 2; x < row.length; x += 2) view.setUint16(x, view.getUint16(x) + view.getUint16(x - 2))
}

function putRow(
  row: Uint8Array,
  left: number,
  count: number,
  plane: Float32Array,
  y: number,
  { width, depth }: SampleLayout,
): void {
  const [from, to] = [Math.max(0, -left), Math.min(count, width - left)]
  const at = y * width + left
  if (depth === 8) for (let x = from; x < to; x++) plane[at + x] = row[x]! / 255
  else for (let x = from; x < to; x++) plane[at + x] = (row[2 * x]! * 256 + row[2 * x + 1]!) / 65535
}
