import { ByteReader } from './byteReader.js'
import { maxLayers } from './paintedDocument.js'

/**
 * Part of the plane that a document's pixels lie in, px; right and bottom are the first that no longer belong to it.
 */
export interface Rectangle {
  readonly top: number
  readonly left: number
  readonly bottom: number
  readonly right: number
}

/** Samples of one channel: their compression, then their bytes. */
export type PsdChannel = Uint8Array

export interface PsdMask {
  readonly place: Rectangle
  /** Outside of its rectangle, [0, 1]. */
  readonly outside: number
  readonly disabled: boolean
  /** [0, 1]: how far black hides. */
  readonly density: number
  /** Of its edge, px. */
  readonly feather: number
  /** Density or feather of a vector mask are set. */
  readonly vectorSettings: boolean
}

/** A layer's record and its channels, as the file holds them. */
export interface PsdRecord {
  readonly name: string
  readonly place: Rectangle
  /** By number: 0, 1, 2 colour, -1 transparency, -2 and -3 masks. */
  readonly channels: ReadonlyMap<number, PsdChannel>
  readonly blendMode: string
  /** [0, 1] */
  readonly opacity: number
  readonly clipped: boolean
  readonly hidden: boolean
  readonly mask: PsdMask | null
  /** It is blended only where it or what lies below has some brightness ("Blend If"). */
  readonly blendIf: boolean
  /** Further blocks by their four letters. */
  readonly blocks: ReadonlyMap<string, Uint8Array>
}

export interface PsdStructure {
  readonly width: number
  readonly height: number
  /** PSB, the format for large documents. */
  readonly large: boolean
  readonly channels: number
  readonly depth: number
  readonly colourMode: number
  readonly resources: ReadonlyMap<number, Uint8Array>
  /** From the bottom, with the dividers of groups. */
  readonly records: readonly PsdRecord[]
  /** The first channel behind the colours of the merged picture is its transparency. */
  readonly mergedTransparency: boolean
  /** The merged picture: its compression, then its bytes. */
  readonly merged: Uint8Array
}

export interface PsdHeader extends Pick<
  PsdStructure,
  'width' | 'height' | 'large' | 'channels' | 'depth' | 'colourMode'
> {
  readonly reader: ByteReader
}

/** The fixed part at the start of a PSD or PSB file; `reader` stands behind it. */
export function readPsdHeader(bytes: Uint8Array): PsdHeader {
  const reader = new ByteReader(bytes)
  if (reader.ascii(4) !== '8BPS') throw new RangeError('it is no Photoshop document')
  const version = reader.u16()
  if (version !== 1 && version !== 2) throw new RangeError(`its version is ${version}`)
  reader.skip(6)
  const [channels, height, width, depth, colourMode] = [
    reader.u16(),
    reader.u32(),
    reader.u32(),
    reader.u16(),
    reader.u16(),
  ]
  const longest = version === 1 ? 30_000 : 300_000
  if (width < 1 || height < 1 || width > longest || height > longest)
    throw new RangeError(`its size is ${width}x${height}`)
  if (channels < 1 || channels > 56) throw new RangeError(`it has ${channels} channels`)
  return { width, height, large: version === 2, channels, depth, colourMode, reader }
}

/**
 * Where everything stands in a PSD or PSB file. Nothing is decoded and, of pixels, nothing copied: what the file claims
 * of sizes takes no memory here.
 * @throws RangeError for what is damaged or cut
 */
export function readPsdStructure(header: PsdHeader): PsdStructure {
  const { reader, large } = header
  reader.skip(reader.u32())
  const resources = readResources(reader.section(reader.u32()))
  const layersAndMasks = reader.section(reader.length(large))
  const merged = reader.take(reader.left)
  let records: readonly PsdRecord[] = []
  let mergedTransparency = false
  if (layersAndMasks.left > 0) {
    const length = layersAndMasks.length(large)
    if (length > 0) ({ records, mergedTransparency } = readLayers(layersAndMasks.section(length), large))
    if (layersAndMasks.left >= 4) layersAndMasks.skip(layersAndMasks.u32())
    for (const [key, block] of readBlocks(layersAndMasks, large)) {
      // Documents of 16 bits have their layers in a block of its own.
      if ((key === 'Lr16' || key === 'Lr32' || key === 'Layr') && records.length === 0 && block.length > 0)
        ({ records } = readLayers(new ByteReader(block), large))
      if (key === 'Mtrn' || key === 'Mt16' || key === 'Mt32') mergedTransparency = true
    }
  }
  const { width, height, channels, depth, colourMode } = header
  return { width, height, large, channels, depth, colourMode, resources, records, merged, mergedTransparency }
}

function readResources(reader: ByteReader): Map<number, Uint8Array> {
  const resources = new Map<number, Uint8Array>()
  while (reader.left >= 12) {
    const signature = reader.ascii(4)
    if (!['8BIM', 'MeSa', 'AgHg', 'PHUT', 'DCSR'].includes(signature))
      throw new RangeError('its image resources are damaged')
    const id = reader.u16()
    // A name, whose length byte and letters together are even.
    const name = reader.u8()
    reader.skip(name + ((name + 1) % 2))
    const length = reader.u32()
    if (!resources.has(id)) resources.set(id, reader.take(length))
    else reader.skip(length)
    reader.skip(Math.min(length % 2, reader.left))
  }
  return resources
}

function readLayers(reader: ByteReader, large: boolean): { records: PsdRecord[]; mergedTransparency: boolean } {
  const count = reader.i16()
  if (Math.abs(count) > maxLayers) throw new RangeError(`it has ${Math.abs(count)} layers, more than ${maxLayers}`)
  const found = Array.from({ length: Math.abs(count) }, () => readRecord(reader, large))
  const records = found.map(({ lengths, ...record }) => ({
    ...record,
    channels: new Map(lengths.map(([id, length]) => [id, reader.take(length)])),
  }))
  return { records, mergedTransparency: count < 0 }
}

function readRecord(reader: ByteReader, large: boolean): Omit<PsdRecord, 'channels'> & { lengths: [number, number][] } {
  const place = readRectangle(reader, large)
  const lengths = Array.from({ length: reader.u16() }, (): [number, number] => [reader.i16(), reader.length(large)])
  if (reader.ascii(4) !== '8BIM') throw new RangeError('the record of a layer is damaged')
  const blendMode = reader.ascii(4)
  const [opacity, clipping, flags] = [reader.u8(), reader.u8(), reader.u8()]
  reader.skip(1)
  const extra = reader.section(reader.u32())
  const mask = readMask(
    extra.section(extra.u32()),
    lengths.some(([id]) => id === -3),
    large,
  )
  const ranges = extra.take(extra.u32())
  // Each range is black from 0 to 0, white from 255 to 255 where nothing is left out.
  const blendIf = ranges.some((value, i) => value !== (i % 4 < 2 ? 0 : 255))
  const nameLength = extra.u8()
  let name = extra.ascii(nameLength)
  extra.skip(Math.min((4 - ((nameLength + 1) % 4)) % 4, extra.left))
  const blocks = readBlocks(extra, large)
  const unicode = blocks.get('luni')
  if (unicode !== undefined) name = unicodeString(new ByteReader(unicode))
  return {
    name,
    place,
    lengths,
    blendMode,
    opacity: opacity / 255,
    clipped: clipping === 1,
    hidden: (flags & 2) !== 0,
    mask,
    blendIf,
    blocks,
  }
}

function readRectangle(reader: ByteReader, large: boolean): Rectangle {
  const [top, left, bottom, right] = [reader.i32(), reader.i32(), reader.i32(), reader.i32()]
  const longest = large ? 300_000 : 30_000
  if (bottom < top || right < left || bottom - top > longest || right - left > longest)
    throw new RangeError(`a layer is ${right - left}x${bottom - top}`)
  return { top, left, bottom, right }
}

function readMask(reader: ByteReader, hasSecond: boolean, large: boolean): PsdMask | null {
  if (reader.left === 0) return null
  const place = readRectangle(reader, large)
  const [outside, flags] = [reader.u8() / 255, reader.u8()]
  if (hasSecond && reader.left >= 18) reader.skip(18)
  let [density, feather, vectorSettings] = [1, 0, false]
  if ((flags & 16) !== 0 && reader.left > 0) {
    const given = reader.u8()
    if ((given & 1) !== 0) density = reader.u8() / 255
    if ((given & 2) !== 0) feather = reader.f64()
    vectorSettings = (given & 12) !== 0
  }
  return { place, outside, disabled: (flags & 2) !== 0, density, feather, vectorSettings }
}

/** Keys whose length has 64 bits in a large document. */
const wideKeys = new Set([
  'LMsk',
  'Lr16',
  'Lr32',
  'Layr',
  'Mt16',
  'Mt32',
  'Mtrn',
  'Alph',
  'FMsk',
  'lnk2',
  'FEid',
  'FXid',
  'PxSD',
  'cinf',
])

function readBlocks(reader: ByteReader, large: boolean): Map<string, Uint8Array> {
  const blocks = new Map<string, Uint8Array>()
  // Writers pad blocks to 1, 2 or 4 bytes: the next one begins where its signature is.
  while (seekSignature(reader)) {
    const wide = reader.ascii(4) === '8B64'
    const key = reader.ascii(4)
    const block = reader.take(reader.length(wide || (large && wideKeys.has(key))))
    if (!blocks.has(key)) blocks.set(key, block)
  }
  return blocks
}

function seekSignature(reader: ByteReader): boolean {
  const { bytes } = reader
  while (reader.left >= 12) {
    const { at } = reader
    if (
      bytes[at] === 0x38 &&
      bytes[at + 1] === 0x42 &&
      ((bytes[at + 2] === 0x49 && bytes[at + 3] === 0x4d) || (bytes[at + 2] === 0x36 && bytes[at + 3] === 0x34))
    )
      return true
    reader.skip(1)
  }
  return false
}

function unicodeString(reader: ByteReader): string {
  const length = Math.min(reader.u32(), reader.left >> 1)
  return String.fromCharCode(...Array.from({ length: Math.min(length, 1000) }, () => reader.u16())).replace(/\0+$/, '')
}
