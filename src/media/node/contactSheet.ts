import { Text2LiveError } from '../../errors.js'
import { toEightBits, type PixelImage } from '../quantise.js'
import { drawText, glyphHeight, glyphWidth } from '../bitmapFont.js'
import { encodePng } from './encodePng.js'
import { sharp } from './sharp.js'

const background = 24
const ink = 220
const gap = 12
const fontScale = 2

/**
 * Variations side by side, in reading order, as near to a square as their number allows; each scaled to fit its cell.
 *
 * @param images RGB or RGBA (alpha is left out), any sizes; or what gives each, called when it is placed (and the first
 *   once before)
 * @param labels one line under each picture, in a small pixel font; cut where it is too long
 * @param longSide of a cell, pixels
 * @returns PNG
 */
export async function contactSheet(
  images: readonly (PixelImage | (() => Promise<PixelImage>))[],
  labels: readonly string[] = [],
  longSide = 384,
): Promise<Buffer> {
  const first = images[0] && (await open(images[0]))
  if (!first) throw new Text2LiveError('SHAPE_MISMATCH', 'A contact sheet expected at least one image, got none.')
  const scale = longSide / Math.max(first.width, first.height)
  const cellWidth = Math.max(1, Math.round(first.width * scale))
  const cellHeight = Math.max(1, Math.round(first.height * scale))
  const labelHeight = labels.length > 0 ? glyphHeight * fontScale + 8 : 0
  const columns = Math.ceil(Math.sqrt((images.length * (cellHeight + labelHeight)) / cellWidth))
  const rows = Math.ceil(images.length / columns)
  const width = gap + columns * (cellWidth + gap)
  const height = gap + rows * (cellHeight + labelHeight + gap)
  const sheet = new Uint8Array(width * height * 3).fill(background)
  for (const [index, image] of images.entries()) {
    const left = gap + (index % columns) * (cellWidth + gap)
    const top = gap + Math.floor(index / columns) * (cellHeight + labelHeight + gap)
    await place(await open(image), left, top)
    const label = (labels[index] ?? '').slice(0, Math.floor(cellWidth / (glyphWidth * fontScale)))
    drawText(label, (x, y) => {
      for (let v = 0; v < fontScale; v++) {
        for (let u = 0; u < fontScale; u++) {
          const at = ((top + cellHeight + 8 + y * fontScale + v) * width + left + x * fontScale + u) * 3
          sheet.fill(ink, at, at + 3)
        }
      }
    })
  }
  return encodePng({ width, height, channels: 3, bitDepth: 8, data: sheet })

  async function place(image: PixelImage, left: number, top: number): Promise<void> {
    const { data, width: w, height: h, channels } = toEightBits(image)
    const fill = { r: background, g: background, b: background }
    const cell = await sharp(data, { raw: { width: w, height: h, channels }, limitInputPixels: false })
      .removeAlpha()
      .toColourspace('srgb')
      .resize(cellWidth, cellHeight, { fit: 'contain', background: fill })
      .raw()
      .toBuffer()
    for (let y = 0; y < cellHeight; y++) {
      sheet.set(cell.subarray(y * cellWidth * 3, (y + 1) * cellWidth * 3), ((top + y) * width + left) * 3)
    }
  }
}

const open = async (image: PixelImage | (() => Promise<PixelImage>)): Promise<PixelImage> =>
  typeof image === 'function' ? await image() : image
