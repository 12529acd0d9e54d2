import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../image.js'
import { flattenPainted } from './painted/flattenPainted.js'
import { maxDocumentPixels } from './painted/paintedDocument.js'
import { readOra } from './painted/readOra.js'
import { readPsd } from './painted/readPsd.js'
import { decodeImage, readHeader } from './readImage.js'
import { readRegularFile } from './readRegularFile.js'
import { sniffFormat } from '../sniffFormat.js'

interface PaintedLayerOptions {
  /**
   * The picture that was painted over, RGB: the painted one must have its size, and a layer that is this picture is no
   * paint.
   */
  readonly base?: FloatImage
  /** What to do about another size, for the error's message. */
  readonly mismatch?: string
  /** Is told what a person should know of how the file was taken. */
  readonly note?: (message: string) => void
}

const maxBytes = 1024 ** 3

/**
 * A layer that somebody painted. Of a PNG, WebP or TIFF the picture with its alpha (opaque where it has none); of a
 * PSD, PSB or ORA all that is visible, put together, except the layers that stand for the picture below: see {@link
 * flattenPainted}.
 * @returns RGBA, straight alpha
 * @throws Text2LiveError INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_IMAGE, INPUT_TRUNCATED, INPUT_TOO_LARGE,
 *   LAYER_UNSUPPORTED for a layer whose look is no colour and opacity, SHAPE_MISMATCH unless it has the size of `base`
 */
export async function readPaintedLayer(
  path: string,
  { base, mismatch = '', note = () => {} }: PaintedLayerOptions = {},
): Promise<FloatImage> {
  const bytes = await readRegularFile(path, { what: 'a painted layer (PNG, PSD or ORA)', maxBytes })
  const checkSize = (width: number, height: number): void => {
    if (base !== undefined && (base.width !== width || base.height !== height)) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `The painted layer must have the size of the picture it was painted over, ${base.width}x${base.height}, but "${path}" is ${width}x${height}. ${mismatch}`.trim(),
      )
    }
    if (width * height > maxDocumentPixels && base === undefined) {
      throw new Text2LiveError(
        'INPUT_TOO_LARGE',
        `Expected a painted layer of at most ${maxDocumentPixels / 1e6} megapixels, but "${path}" is ${width}x${height}. Make it smaller.`,
      )
    }
  }
  const { looksLike } = sniffFormat(bytes)
  const readDocument = looksLike === 'a Photoshop document' ? readPsd : looksLike === 'a zip archive' ? readOra : null
  if (readDocument === null) return await readPicture(path, checkSize)
  try {
    return await flattenPainted(await readDocument(bytes, checkSize), { name: `"${path}"`, base: base ?? null, note })
  } catch (cause) {
    if (cause instanceof Text2LiveError) throw cause
    throw new Text2LiveError(
      'INPUT_TRUNCATED',
      `Expected a whole PSD or ORA file, but "${path}" is cut short, damaged or of a kind that is not read ` +
        `(${cause instanceof Error ? cause.message : String(cause)}). Export the layer as PNG.`,
      { cause },
    )
  }
}

async function readPicture(path: string, checkSize: (width: number, height: number) => void): Promise<FloatImage> {
  const header = await readHeader(path)
  checkSize(header.width, header.height)
  const { rgb, alpha } = await decodeImage(header)
  const { width, height } = rgb
  const data = new Float32Array(4 * width * height).fill(1)
  data.set(rgb.data)
  if (alpha !== undefined) data.set(alpha.data, 3 * width * height)
  return { width, height, channels: 4, data }
}
