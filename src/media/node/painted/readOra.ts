import { SaxesParser } from 'saxes'
import { Text2LiveError } from '../../../errors.js'
import type { FloatImage } from '../../image.js'
import { decodeImage, readHeader } from '../readImage.js'
import {
  maxDecodedPixels,
  maxDepth,
  maxLayerPixels,
  maxLayers,
  type PaintedDocument,
  type PaintedLayer,
} from './paintedDocument.js'
import { openZip, type ZipFiles } from './openZip.js'

/** Of stack.xml, bytes. */
const maxStackBytes = 8_000_000

/**
 * An OpenRaster document.
 * @param checkSize is told the size before anything of it is allocated
 * @throws Text2LiveError INPUT_NOT_IMAGE for another zip archive, INPUT_TOO_LARGE, INPUT_TRUNCATED; RangeError and
 *   others for what is damaged or cut
 */
export async function readOra(
  bytes: Uint8Array,
  checkSize: (width: number, height: number) => void,
): Promise<PaintedDocument> {
  const files = await openZip(bytes)
  const stack = await files.read('stack.xml', maxStackBytes)
  if (stack === null) {
    throw new Text2LiveError(
      'INPUT_NOT_IMAGE',
      'Expected an OpenRaster document (ORA), but the zip archive holds no stack.xml: it is something else. Export the picture as ORA or PNG.',
    )
  }
  const { image, layers } = parseStack(decodeXml(stack))
  const [width, height] = [dimension(image['w']), dimension(image['h'])]
  checkSize(width, height)
  const pictures = boundedPictures(files, width, height)
  return {
    width,
    height,
    layers: layers.map((layer) => layerOf(layer, pictures, width, height)).reverse(),
    merged: async () => placed(await pictures('mergedimage.png'), 0, 0, width, height),
    // Each picture was converted by its own profile.
    toSrgb: (picture) => Promise.resolve(picture),
  }
}

type Attributes = Readonly<Partial<Record<string, string>>>

/** An element of the stack, from the top; `children` of a stack. */
interface StackElement {
  readonly tag: string
  readonly attributes: Attributes
  readonly children: StackElement[]
}

/** XML without a document type: there is nothing to expand. */
function parseStack(xml: string): { image: Attributes; layers: StackElement[] } {
  const parser = new SaxesParser()
  const root: StackElement = { tag: '', attributes: {}, children: [] }
  const open = [root]
  let count = 0
  parser.on('error', (error) => {
    throw new RangeError(`its stack.xml: ${error.message}`)
  })
  parser.on('doctype', () => {
    throw new RangeError('its stack.xml has a document type')
  })
  parser.on('opentag', ({ name, attributes }) => {
    count++
    if (count > maxLayers) throw new RangeError(`it has more than ${maxLayers} layers`)
    if (open.length > maxDepth) throw new RangeError(`its groups are nested more than ${maxDepth} deep`)
    const element = { tag: name, attributes, children: [] }
    open.at(-1)!.children.push(element)
    open.push(element)
  })
  parser.on('closetag', () => {
    open.pop()
  })
  parser.write(xml).close()
  const image = root.children[0]
  if (image?.tag !== 'image') throw new RangeError('its stack.xml describes no image')
  return { image: image.attributes, layers: image.children.find(({ tag }) => tag === 'stack')?.children ?? [] }
}

/** UTF-8, or what its mark or its declaration says. */
function decodeXml(bytes: Uint8Array): string {
  const [first, second] = bytes
  const marked = first === 0xfe && second === 0xff ? 'utf-16be' : first === 0xff && second === 0xfe ? 'utf-16le' : null
  const declared = /^(?:\u00ef\u00bb\u00bf)?<\?xml [^>]{0,100}?encoding\s{0,9}=\s{0,9}["']([\w.:-]{1,40})["']/.exec(
    Buffer.from(bytes.subarray(0, 200)).toString('latin1'),
  )?.[1]
  return new TextDecoder(marked ?? declared ?? 'utf-8', { fatal: true }).decode(bytes)
}

function dimension(text: string | undefined): number {
  const value = /^\d{1,6}$/.test(text ?? '') ? Number(text) : 0
  if (value < 1) throw new RangeError(`its stack.xml gives the size "${(text ?? '').slice(0, 20)}"`)
  return value
}

function layerOf(
  { tag, attributes, children }: StackElement,
  pictures: (src: string) => Promise<FloatImage>,
  width: number,
  height: number,
): PaintedLayer {
  const name = attributes['name'] ?? ''
  const operation = attributes['composite-op'] ?? 'svg:src-over'
  const [x, y, opacity] = [
    number(attributes, 'x', 0, name),
    number(attributes, 'y', 0, name),
    number(attributes, 'opacity', 1, name),
  ]
  if (!(opacity >= 0 && opacity <= 1)) throw new RangeError(`the layer "${name}" has the opacity ${opacity}`)
  const unsupported: string[] = []
  if (operation !== 'svg:src-over') unsupported.push(`has the blend mode "${operation}"`)
  if (tag !== 'layer' && tag !== 'stack') unsupported.push(`is no layer of pixels (<${tag}>)`)
  // Some programs move what is in a group by its place, others do not.
  if (tag === 'stack' && (x !== 0 || y !== 0)) unsupported.push('is a group with a place of its own')
  const src = attributes['src']
  return {
    name,
    opacity,
    unsupported,
    hidden: attributes['visibility'] === 'hidden',
    clipped: false,
    seenWithoutPixels: tag !== 'layer' && tag !== 'stack',
    children: tag === 'stack' ? children.map((child) => layerOf(child, pictures, width, height)).reverse() : null,
    pixels: async () =>
      tag !== 'layer' || src === undefined ? null : placed(await pictures(src), x, y, width, height),
    mask: () => null,
  }
}

function number(attributes: Attributes, key: string, usual: number, layer: string): number {
  const text = attributes[key]
  if (text === undefined) return usual
  const value = /^\s{0,9}[+-]?[\d.]{1,20}(?:e[+-]?\d{1,3})?\s{0,9}$/i.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(value) || (key !== 'opacity' && !Number.isInteger(value)))
    throw new RangeError(`the layer "${layer}" has ${key}="${text.slice(0, 20)}"`)
  return value
}

/** Decodes pictures of the archive as long as their sizes stay within bounds. */
function boundedPictures(files: ZipFiles, width: number, height: number): (src: string) => Promise<FloatImage> {
  let total = 0
  const most = maxLayerPixels(width, height)
  return async (src) => {
    // Packed pixels take no more than they do unpacked, but for a header, a profile and the like.
    const png = await files.read(src, 8 * most + 16_000_000)
    if (png === null) throw new RangeError(`it holds no file "${src}"`)
    const header = await readHeader(png)
    const pixels = header.width * header.height
    total += pixels
    if (pixels > most || total > maxDecodedPixels) {
      throw new Text2LiveError(
        'INPUT_TOO_LARGE',
        `The layer picture "${src}" is ${header.width}x${header.height} in a document of ${width}x${height}; ` +
          `a layer may have ${most / 1e6} megapixels, and all together ${maxDecodedPixels / 1e6}. Crop it to the canvas.`,
      )
    }
    const { rgb, alpha } = await decodeImage(header)
    const data = new Float32Array(4 * pixels).fill(1)
    data.set(rgb.data)
    if (alpha !== undefined) data.set(alpha.data, 3 * pixels)
    return { width: header.width, height: header.height, channels: 4, data }
  }
}

/** A layer at its place on a canvas, which may be larger or smaller. */
function placed(layer: FloatImage, left: number, top: number, width: number, height: number): FloatImage {
  if (left === 0 && top === 0 && layer.width === width && layer.height === height) return layer
  const data = new Float32Array(4 * width * height)
  const [from, to] = [Math.max(0, -left), Math.min(layer.width, width - left)]
  for (let c = 0; c < 4; c++) {
    for (let y = Math.max(0, -top); y < Math.min(layer.height, height - top); y++) {
      const row = (c * layer.height + y) * layer.width
      if (to > from) data.set(layer.data.subarray(row + from, row + to), (c * height + y + top) * width + left + from)
    }
  }
  return { width, height, channels: 4, data }
}
