import { Text2LiveError } from '../../../errors.js'
import type { FloatImage } from '../../image.js'
import { ByteReader } from './byteReader.js'
import { maxDecodedPixels, maxDepth, maxLayerPixels, type PaintedLayer } from './paintedDocument.js'
import { decodeChannel } from './psdSamples.js'
import type { PsdRecord, PsdStructure, Rectangle } from './psdStructure.js'

/**
 * The layers and groups of a PSD, from the bottom.
 * @throws RangeError where groups are not closed
 */
export function psdLayers(structure: PsdStructure): PaintedLayer[] {
  const open: PaintedLayer[][] = [[]]
  const decode = boundedDecoder(structure)
  for (const record of structure.records) {
    const divider = record.blocks.get('lsct') ?? record.blocks.get('lsdk')
    const kind = divider === undefined || divider.length < 4 ? 0 : new ByteReader(divider).u32()
    if (kind === 3) {
      if (open.length > maxDepth) throw new RangeError(`its groups are nested more than ${maxDepth} deep`)
      open.push([])
    } else if (kind === 1 || kind === 2) {
      const children = open.pop()!
      if (open.length === 0) throw new RangeError('its groups are not closed')
      const blendMode = divider!.length >= 12 ? new ByteReader(divider!, 8).ascii(4) : record.blendMode
      open.at(-1)!.push(layerOf({ ...record, blendMode }, children, decode))
    } else {
      const layer = layerOf(record, null, decode)
      // Some writers keep a flat document as one layer with neither name nor pixels.
      if (layer.name !== '' || layer.seenWithoutPixels || !isEmpty(record.place)) open.at(-1)!.push(layer)
    }
  }
  if (open.length !== 1) throw new RangeError('its groups are not closed')
  return open[0]!
}

type Decode = (record: PsdRecord, channel: number, place: Rectangle, outside: number) => Float32Array

/** Decodes channels as long as their sizes stay within bounds. */
function boundedDecoder({ width, height, depth, large, colourMode }: PsdStructure): {
  decode: Decode
  size: { width: number; height: number }
  colours: readonly number[]
} {
  let total = 0
  const layout = { width, height, depth: depth === 16 ? 16 : 8, large } as const
  const decode: Decode = (record, channel, place, outside) => {
    const pixels = (place.right - place.left) * (place.bottom - place.top)
    total += pixels / 4
    if (pixels > maxLayerPixels(width, height) || total > maxDecodedPixels) {
      throw new Text2LiveError(
        'INPUT_TOO_LARGE',
        `The layer "${record.name}" is ${place.right - place.left}x${place.bottom - place.top} in a document of ${width}x${height}; ` +
          `a layer may have ${maxLayerPixels(width, height) / 1e6} megapixels, and all together ${maxDecodedPixels / 1e6}. Crop it to the canvas.`,
      )
    }
    const samples = record.channels.get(channel)
    if (pixels > 0 && samples === undefined)
      throw new RangeError(`channel ${channel} of the layer "${record.name}" is missing`)
    return decodeChannel(samples ?? new Uint8Array(), place, layout, outside)
  }
  return { decode, size: { width, height }, colours: colourMode === 1 ? [0, 0, 0] : [0, 1, 2] }
}

function layerOf(
  record: PsdRecord,
  children: readonly PaintedLayer[] | null,
  { decode, size, colours }: ReturnType<typeof boundedDecoder>,
): PaintedLayer {
  const { name, place, blocks, mask } = record
  const fill = blocks.get('iOpa')?.[0] ?? 255
  const empty = isEmpty(place)
  const adjustment = [...blocks.keys()].map((key) => adjustments[key]).find((kind) => kind !== undefined)
  const fillKind = empty
    ? [...blocks.keys()].map((key) => unrendered[key]).find((kind) => kind !== undefined)
    : undefined
  const unsupported = featuresOf(record, children !== null)
  if (adjustment !== undefined) unsupported.unshift(`is an adjustment layer (${adjustment})`)
  if (fillKind !== undefined) unsupported.unshift(`is ${fillKind} without pixels`)
  return {
    name,
    hidden: record.hidden,
    opacity: (record.opacity * fill) / 255,
    clipped: record.clipped,
    children,
    unsupported,
    seenWithoutPixels: adjustment !== undefined || fillKind !== undefined,
    pixels: () => Promise.resolve(empty || children !== null ? null : pixelsOf(record, decode, size, colours)),
    mask: () => (mask === null || mask.disabled ? null : maskOf(record, decode)),
  }
}

const isEmpty = ({ top, left, bottom, right }: Rectangle): boolean => right === left || bottom === top

function pixelsOf(
  record: PsdRecord,
  decode: Decode,
  { width, height }: { width: number; height: number },
  colours: readonly number[],
): FloatImage {
  const plane = width * height
  const data = new Float32Array(4 * plane)
  for (const [c, channel] of colours.entries())
    data.set(
      c > 0 && channel === colours[0] ? data.subarray(0, plane) : decode(record, channel, record.place, 0),
      c * plane,
    )
  if (record.channels.has(-1)) data.set(decode(record, -1, record.place, 0), 3 * plane)
  else fillRectangle(data.subarray(3 * plane), record.place, width, height)
  return { width, height, channels: 4, data }
}

function fillRectangle(
  plane: Float32Array,
  { top, left, bottom, right }: Rectangle,
  width: number,
  height: number,
): void {
  const [from, to] = [Math.max(0, left), Math.min(width, right)]
  for (let y = Math.max(0, top); y < Math.min(height, bottom); y++)
    if (to > from) plane.fill(1, y * width + from, y * width + to)
}

function maskOf(record: PsdRecord, decode: Decode): Float32Array {
  const { place, outside, density } = record.mask!
  const mask = decode(record, -2, place, outside)
  if (density < 1) for (let i = 0; i < mask.length; i++) mask[i] = 1 - density * (1 - mask[i]!)
  return mask
}

/** What of a layer's look is no colour and opacity. */
function featuresOf({ blendMode, blendIf, blocks, mask, channels }: PsdRecord, isGroup: boolean): string[] {
  const features: string[] = []
  if (blendMode !== 'norm' && !(isGroup && blendMode === 'pass'))
    features.push(`has the blend mode "${blendModes[blendMode] ?? blendMode.trim()}"`)
  if (blendIf) features.push('is blended by brightness ("Blend If")')
  if (hasEffects(blocks)) features.push('has layer effects (a layer style)')
  if ((blocks.get('knko')?.[0] ?? 0) !== 0) features.push('is a knockout')
  if ((blocks.get('brst')?.length ?? 0) >= 4) features.push('leaves out colour channels')
  if (blocks.has('artb') || blocks.has('artd') || blocks.has('abdd')) features.push('is an artboard')
  const vectorMask = blocks.get('vmsk') ?? blocks.get('vsms')
  // Version, then flags, of which the third says that it is disabled.
  if ((vectorMask !== undefined && ((vectorMask[7] ?? 0) & 4) === 0) || (channels.has(-3) && mask?.disabled !== true))
    features.push('has a vector mask')
  if (mask !== null && !mask.disabled && (mask.feather > 0 || mask.vectorSettings))
    features.push('has a feathered mask')
  if (blocks.get('clbl')?.[0] === 0) features.push('does not blend clipped layers as a group')
  return features
}

/** Effects are kept when they are switched off: their descriptors say of each whether it is on, and of all. */
function hasEffects(blocks: ReadonlyMap<string, Uint8Array>): boolean {
  const descriptor = blocks.get('lmfx') ?? blocks.get('lfx2') ?? blocks.get('lfxs')
  if (descriptor === undefined) return blocks.has('lrFX')
  const text = Buffer.from(descriptor.buffer, descriptor.byteOffset, descriptor.byteLength)
  return text.includes('enabbool\x01', 0, 'latin1') && !text.includes('masterFXSwitchbool\x00', 0, 'latin1')
}

const adjustments: Readonly<Record<string, string>> = {
  brit: 'brightness/contrast',
  levl: 'levels',
  curv: 'curves',
  expA: 'exposure',
  vibA: 'vibrance',
  'hue ': 'hue/saturation',
  hue2: 'hue/saturation',
  blnc: 'color balance',
  blwh: 'black & white',
  phfl: 'photo filter',
  mixr: 'channel mixer',
  clrL: 'color lookup',
  nvrt: 'invert',
  post: 'posterize',
  thrs: 'threshold',
  grdm: 'gradient map',
  selc: 'selective color',
  CgEd: 'brightness/contrast',
}

/** What programs draw themselves where a file holds no pixels of it. */
const unrendered: Readonly<Record<string, string>> = {
  SoCo: 'a fill layer (solid color)',
  GdFl: 'a fill layer (gradient)',
  PtFl: 'a fill layer (pattern)',
  vscg: 'a shape',
  SoLd: 'a smart object',
  SoLE: 'a smart object',
  PlLd: 'a smart object',
  TySh: 'a text',
  tySh: 'a text',
}

const blendModes: Readonly<Record<string, string>> = {
  pass: 'pass through',
  diss: 'dissolve',
  dark: 'darken',
  'mul ': 'multiply',
  idiv: 'color burn',
  lbrn: 'linear burn',
  dkCl: 'darker color',
  lite: 'lighten',
  scrn: 'screen',
  'div ': 'color dodge',
  lddg: 'linear dodge',
  lgCl: 'lighter color',
  over: 'overlay',
  sLit: 'soft light',
  hLit: 'hard light',
  vLit: 'vivid light',
  lLit: 'linear light',
  pLit: 'pin light',
  hMix: 'hard mix',
  diff: 'difference',
  smud: 'exclusion',
  fsub: 'subtract',
  fdiv: 'divide',
  'hue ': 'hue',
  'sat ': 'saturation',
  colr: 'color',
  'lum ': 'luminosity',
}
