import { initializeCanvas, readPsd, type Layer } from 'ag-psd'
import { unzipSync } from 'fflate'
import { readFile } from 'node:fs/promises'
import { Text2LiveError } from '../../errors.js'
import { pathHint } from '../../pathHint.js'
import type { FloatImage } from '../image.js'
import { dequantise, pixelImage } from '../quantise.js'
import { layerNames } from './encodePsd.js'
import { decodeImage, readHeader } from './readImage.js'
import { sniffFormat } from './sniffFormat.js'

/**
 * A layer that somebody painted: of a PNG, WebP or TIFF the picture with its alpha (opaque where it has none); of a PSD or ORA the layer called
 * "edit layer", or all of it where there is none of that name.
 * @returns RGBA, straight alpha
 * @throws INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_IMAGE, INPUT_TRUNCATED, INPUT_TOO_LARGE
 */
export async function readPaintedLayer(path: string): Promise<FloatImage> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new Text2LiveError('INPUT_NOT_FOUND', `Expected a painted layer (PNG, PSD or ORA) at "${path}", and it cannot be read. ${pathHint(path)}`, { cause })
  })
  const { looksLike } = sniffFormat(bytes)
  try {
    if (looksLike === 'a Photoshop document') return fromPsd(bytes)
    if (looksLike === 'a zip archive') return await fromOra(bytes)
  } catch (cause) {
    if (cause instanceof Text2LiveError) throw cause
    throw new Text2LiveError('INPUT_TRUNCATED', `Expected a whole PSD or ORA file, but "${path}" is cut short, damaged or of a kind that is not read `
      + `(${cause instanceof Error ? cause.message : String(cause)}). Export the layer as PNG.`, { cause })
  }
  return await fromPicture(path)
}

/** Greatest size of a document, px: about a gigabyte decoded. */
const maxPixels = 100_000_000

function fromPsd(bytes: Uint8Array): FloatImage {
  // The package takes its pixel buffers from a canvas; here they are plain memory.
  initializeCanvas(
    () => { throw new TypeError('there is no canvas') },
    (width, height) => ({ width, height, data: new Uint8ClampedArray(4 * width * height), colorSpace: 'srgb' }),
  )
  const document = readPsd(bytes, { useImageData: true, skipThumbnail: true, skipLinkedFilesData: true, totalMemoryLimit: 4 * 4 * maxPixels })
  const { width, height } = document
  const layer = allLayers(document.children ?? []).find(({ name }) => name === layerNames[0])
  const source = layer?.imageData ?? (layer === undefined ? document.imageData : undefined)
  const data = new Uint8Array(4 * width * height)
  if (source !== undefined) {
    const [left, top] = [layer?.left ?? 0, layer?.top ?? 0]
    for (let y = Math.max(0, -top); y < source.height && y + top < height; y++) {
      for (let x = Math.max(0, -left); x < source.width && x + left < width; x++) {
        for (let c = 0; c < 4; c++) data[4 * ((y + top) * width + x + left) + c] = Number(source.data[4 * (y * source.width + x) + c])
      }
    }
  }
  return dequantise(pixelImage(width, height, 4, data))
}

const allLayers = (layers: readonly Layer[]): Layer[] => layers.flatMap((layer) => [layer, ...allLayers(layer.children ?? [])])

async function fromOra(bytes: Uint8Array): Promise<FloatImage> {
  let total = 0
  const files = unzipSync(bytes, {
    filter: ({ originalSize }) => {
      total += originalSize
      if (total > 8 * maxPixels) throw new RangeError('its layers unfold into more than 800 MB')
      return true
    },
  })
  const stack = new TextDecoder().decode(files['stack.xml'] ?? new Uint8Array())
  const element = [...stack.matchAll(/<layer\b[^>]*>/g)].map(([text]) => text).find((text) => attribute(text, 'name') === layerNames[0])
  const png = files[element === undefined ? 'mergedimage.png' : attribute(element, 'src') ?? '']
  if (png === undefined) throw new RangeError('it holds no picture')
  const picture = await fromPicture(png)
  const image = /<image\b[^>]*>/.exec(stack)?.[0] ?? ''
  const size = { width: Number(attribute(image, 'w') ?? picture.width), height: Number(attribute(image, 'h') ?? picture.height) }
  if (!(size.width * size.height <= maxPixels)) throw new RangeError(`it is ${size.width}x${size.height}`)
  return placed(picture, Number(attribute(element ?? '', 'x') ?? 0), Number(attribute(element ?? '', 'y') ?? 0), size)
}

const attribute = (element: string, name: string): string | undefined => new RegExp(`\\b${name}="([^"]*)"`).exec(element)?.[1]

async function fromPicture(source: string | Uint8Array): Promise<FloatImage> {
  const { rgb, alpha } = await decodeImage(await readHeader(source))
  const { width, height } = rgb
  const data = new Float32Array(4 * width * height).fill(1)
  data.set(rgb.data)
  if (alpha !== undefined) data.set(alpha.data, 3 * width * height)
  return { width, height, channels: 4, data }
}

/** A layer at its place in a document, which may be larger or smaller. */
function placed(layer: FloatImage, left: number, top: number, { width, height }: { width: number; height: number }): FloatImage {
  if (left === 0 && top === 0 && layer.width === width && layer.height === height) return layer
  const data = new Float32Array(4 * width * height)
  for (let c = 0; c < 4; c++) {
    for (let y = Math.max(0, -top); y < layer.height && y + top < height; y++) {
      for (let x = Math.max(0, -left); x < layer.width && x + left < width; x++) {
        data[(c * height + y + top) * width + x + left] = layer.data[(c * layer.height + y) * layer.width + x]!
      }
    }
  }
  return { width, height, channels: 4, data }
}
