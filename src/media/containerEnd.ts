/**
 * Where a media file says that it ends, so that a shorter one is known to be cut: the last top-level box of MP4 and
 * MOV, the segment of WebM and MKV, the first part of AVI. GIF: its last byte. Decoders give what frames are there and
 * say nothing.
 *
 * @param read bytes `[start, start + length)`, fewer at the end of the file
 * @param size of the file, bytes
 * @returns bytes that are missing at least; 0 where none are, or where the file does not say
 */
export async function missingBytes(
  read: (start: number, length: number) => Promise<Uint8Array>,
  size: number,
): Promise<number> {
  const head = await read(0, 12)
  const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))
  if (ascii(head, 0, 4) === 'GIF8') {
    const tail = await read(Math.max(0, size - 64), 64)
    return tail.findLast((byte) => byte !== 0) === 0x3b ? 0 : 1
  }
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'AVI ')
    return Math.max(0, new DataView(head.buffer, head.byteOffset).getUint32(4, true) + 8 - size)
  if (head[0] === 0x1a && head[1] === 0x45 && head[2] === 0xdf && head[3] === 0xa3) return matroskaEnd(read, size)
  return /^(ftyp|moov|mdat|free|wide|skip)$/.test(ascii(head, 4, 8)) ? boxesEnd(read, size) : 0
}

/**
 * ISO 14496-12, 4.2: a box is its size (32 bits, or 1 and then 64), its type, its content; size 0 goes to the end of
 * the file.
 */
async function boxesEnd(read: (start: number, length: number) => Promise<Uint8Array>, size: number): Promise<number> {
  let at = 0
  while (at < size) {
    const header = await read(at, 16)
    if (header.length < 8) return 8 - header.length
    const view = new DataView(header.buffer, header.byteOffset, header.length)
    const short = view.getUint32(0)
    if (short === 0) return 0
    if (short === 1 && header.length < 16) return 16 - header.length
    const length = short === 1 ? Number(view.getBigUint64(8)) : short
    if (length < 8) return 0
    at += length
  }
  return at - size
}

/** RFC 8794: an element is its id, its size (both of variable length; all ones: not known) and its content. */
async function matroskaEnd(
  read: (start: number, length: number) => Promise<Uint8Array>,
  size: number,
): Promise<number> {
  const header = await read(4, 8)
  const first = elementSize(header)
  if (!first?.known) return 0
  const segment = await read(4 + first.length + first.value, 12)
  if (segment.length < 12) return 12 - segment.length
  const second = elementSize(segment.subarray(4))
  if (!second?.known) return 0
  return Math.max(0, 4 + first.length + first.value + 4 + second.length + second.value - size)
}

function elementSize(
  bytes: Uint8Array,
): { readonly length: number; readonly value: number; readonly known: boolean } | null {
  const length = Math.clz32(bytes[0]!) - 23
  if (length > 8 || bytes.length < length) return null
  let value = bytes[0]! & (0xff >> length)
  let known = value !== 0xff >> length
  for (const byte of bytes.subarray(1, length)) {
    value = value * 256 + byte
    known ||= byte !== 0xff
  }
  return { length, value, known }
}
