import { Text2LiveError } from '../../../errors.js'
import type { FloatImage } from '../../image.js'
import { openProfile } from './openProfile.js'
import type { PaintedDocument } from './paintedDocument.js'
import { psdLayers } from './psdLayers.js'
import { decodeMerged } from './psdSamples.js'
import { readPsdHeader, readPsdStructure, type PsdStructure } from './psdStructure.js'

/** By the header's number. */
const colourModes = ['bitmap', 'greyscale', 'indexed', 'RGB', 'CMYK', '', '', 'multichannel', 'duotone', 'Lab']

/**
 * A PSD or PSB: RGB or greyscale, 8 or 16 bits. ag-psd is not used: it takes the memory that a file claims to need,
 * drops blocks that it cannot read, among them adjustments, and misreads packed rows of 16 bits.
 * @param checkSize is told the size before anything of it is allocated
 * @throws Text2LiveError INPUT_NOT_IMAGE for other colour modes and depths, INPUT_TOO_LARGE; RangeError for what is
 *   damaged or cut
 */
export async function readPsd(
  bytes: Uint8Array,
  checkSize: (width: number, height: number) => void,
): Promise<PaintedDocument> {
  const header = readPsdHeader(bytes)
  const { width, height, depth, colourMode } = header
  checkSize(width, height)
  if (colourMode !== 3 && colourMode !== 1)
    throw unread(`its colour mode is ${colourModes[colourMode] || `number ${colourMode}`}`)
  if (depth !== 8 && depth !== 16) throw unread(`it has ${depth} bits per channel`)
  const structure = readPsdStructure(header)
  if (header.channels < (colourMode === 3 ? 3 : 1)) throw new RangeError(`it has ${header.channels} channels`)
  const toSrgb = await openProfile(structure.resources.get(iccProfile), colourMode === 1, depth)
  return {
    width,
    height,
    layers: psdLayers(structure),
    merged: () => Promise.resolve(mergedPicture(structure)),
    toSrgb,
  }
}

const [iccProfile, alphaIdentifiers] = [1039, 1053]

const unread = (came: string): Text2LiveError =>
  new Text2LiveError(
    'INPUT_NOT_IMAGE',
    `Expected a Photoshop document in RGB or greyscale with 8 or 16 bits per channel, but ${came}. Convert it (Image, Mode: RGB Color, 8 or 16 Bits/Channel) and save it again.`,
  )

function mergedPicture(structure: PsdStructure): FloatImage {
  const { width, height, channels, colourMode, merged, large } = structure
  const colours = colourMode === 3 ? [0, 1, 2] : [0]
  const alpha = transparencyOf(structure, colours.length)
  const planes = decodeMerged(merged, channels, alpha === null ? colours : [...colours, alpha], {
    width,
    height,
    depth: structure.depth === 16 ? 16 : 8,
    large,
  })
  const plane = width * height
  const data = new Float32Array(4 * plane).fill(1)
  for (let c = 0; c < 3; c++) data.set(planes[colours.length === 1 ? 0 : c]!, c * plane)
  if (alpha === null) return { width, height, channels: 4, data }
  const opacity = planes.at(-1)!
  data.set(opacity, 3 * plane)
  // The format has the merged picture over white.
  for (let i = 0; i < plane; i++) {
    const a = opacity[i]!
    if (a > 0 && a < 1)
      for (let c = 0; c < 3; c++) data[c * plane + i] = Math.min(1, Math.max(0, (data[c * plane + i]! + a - 1) / a))
  }
  return { width, height, channels: 4, data }
}

/**
 * Which channel of the merged picture is its transparency; others behind the colours are selections that somebody kept.
 */
function transparencyOf({ channels, resources, mergedTransparency }: PsdStructure, colours: number): number | null {
  if (channels <= colours) return null
  if (mergedTransparency) return colours
  const identifiers = resources.get(alphaIdentifiers)
  if (identifiers === undefined) return colours
  const view = new DataView(identifiers.buffer, identifiers.byteOffset, identifiers.byteLength)
  for (let i = 0; 4 * i + 4 <= identifiers.length; i++)
    if (view.getUint32(4 * i) === 0) return Math.min(colours + i, channels - 1)
  return identifiers.length >= 4 ? null : colours
}
