import { decode as decodePng, encode as encodePng } from 'fast-png'
import { Text2LiveError } from '../../errors.js'
import { pictureName, type ImageCodec, type PictureSource } from '../imageCodec.js'
import { layerOver } from '../layeredStrips.js'
import { assertMaskSize, labelsOf, maskPictureOf, readMask } from '../maskPicture.js'
import type { MaskPicture } from '../maskReading.js'
import { assertNotTooLarge, assertPhotoSize, damagedImage, formatOf, photoOf } from '../photo.js'
import { pixelImage, type PixelImage } from '../quantise.js'
import type { PhotoFormat } from '../sniffFormat.js'

/** A picture's file. */
interface PictureFile {
  readonly name: string
  readonly bytes: Uint8Array
  readonly format: PhotoFormat
}

/** A decoded picture; `notes` say what this way of decoding may have changed. */
interface Decoded {
  readonly pixels: PixelImage
  readonly notes: readonly string[]
}

/**
 * Pictures by the browser: PNG exactly (16 bits, colours under alpha 0) by fast-png, other formats by the browser's own
 * decoder in 8 bits, colour profile and EXIF orientation applied. What a browser decodes otherwise than Node does is
 * said in a note, or refused (TIFF).
 */
export const browserCodec: ImageCodec = {
  async decodePhoto(source) {
    const file = opened(source)
    const { pixels, notes } = await decodePixels(file)
    assertPhotoSize(file.name, pixels.width, pixels.height)
    return photoOf(file.name, pixels, { format: file.format, orientation: 1, bytes: file.bytes, notes })
  },
  async decodeMask(source, width, height) {
    const file = opened(source)
    const picture = await maskPicture(file)
    assertMaskSize(file.name, picture, width, height)
    return { ...readMask(picture), format: file.format, bytes: file.bytes }
  },
  async decodeLayer(source, photo) {
    const file = opened(source)
    return layerOver(file.name, (await decodePixels(file)).pixels, photo)
  },
  async decodeMaskPicture(source, assertSize) {
    const picture = await maskPicture(opened(source))
    assertSize(picture.name, picture)
    return picture
  },
  encodePng: ({ width, height, channels, bitDepth, data }) =>
    Promise.resolve(encodePng({ width, height, channels, depth: bitDepth, data })),
}

const maskPicture = async (file: PictureFile): Promise<MaskPicture> =>
  (file.format === 'png' ? indexed(file) : null) ??
  maskPictureOf(file.name, (await decodePixels(file)).pixels, file.format === 'png')

/** @throws Text2LiveError INPUT_EMPTY, INPUT_NOT_IMAGE */
function opened(source: PictureSource): PictureFile {
  if (typeof source === 'string')
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `A browser opens no paths, and "${source}" is one. Give the picture's bytes.`,
    )
  const name = pictureName(source)
  const bytes = source instanceof Uint8Array ? source : source.bytes
  return { name, bytes, format: formatOf(name, bytes).format }
}

async function decodePixels(file: PictureFile): Promise<Decoded> {
  if (file.format === 'tiff') {
    throw new Text2LiveError(
      'INPUT_NOT_IMAGE',
      `Browsers do not read TIFF, and ${file.name} is one. Save it as PNG (16 bits are kept), or edit it with the command line, which reads TIFF.`,
    )
  }
  return (file.format === 'png' ? exactPng(file) : null) ?? (await byBrowser(file))
}

/** Null for a PNG with a colour profile, which only the browser can apply. */
function exactPng({ name, bytes }: PictureFile): Decoded | null {
  const { width, height, channels, depth, data, palette, transparency, iccEmbeddedProfile } = readPng(name, bytes)
  if (iccEmbeddedProfile !== undefined) return null
  const plane = width * height
  if (palette !== undefined) {
    const indices = unpacked(data, width, height, depth)
    const alpha = palette.some((entry) => (entry[3] ?? 255) < 255)
    const out = new Uint8Array(plane * (alpha ? 4 : 3))
    indices.forEach((index, i) =>
      out.set((palette[index] ?? [0, 0, 0, 255]).slice(0, alpha ? 4 : 3), i * (alpha ? 4 : 3)),
    )
    return { pixels: pixelImage(width, height, alpha ? 4 : 3, out), notes: [] }
  }
  const samples =
    depth < 8 ? unpacked(data, width, height, depth).map((value) => Math.round((value * 255) / (2 ** depth - 1))) : data
  const white = depth === 16 ? 65535 : 255
  // One colour of grey or RGB pictures may stand for "transparent".
  const keyed = transparency !== undefined && channels !== 2 && channels !== 4
  const hasAlpha = channels === 2 || channels === 4 || keyed
  const outChannels = hasAlpha ? 4 : 3
  const out = depth === 16 ? new Uint16Array(plane * outChannels) : new Uint8Array(plane * outChannels)
  const colours = channels <= 2 ? 1 : 3
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) out[i * outChannels + c] = samples[i * channels + (colours === 1 ? 0 : c)]!
    if (!hasAlpha) continue
    const isKey =
      keyed && Array.from({ length: colours }, (_, c) => data[i * channels + c] === transparency[c]).every(Boolean)
    out[i * 4 + 3] = keyed ? (isKey ? 0 : white) : samples[i * channels + channels - 1]!
  }
  return { pixels: pixelImage(width, height, outChannels, out), notes: [] }
}

/** The labels of a PNG with a palette of colours; null for every other. */
function indexed({ name, bytes }: PictureFile): MaskPicture | null {
  const { width, height, depth, data, palette } = readPng(name, bytes)
  if (palette === undefined) return null
  return labelsOf({
    name,
    width,
    height,
    indices: unpacked(data, width, height, depth),
    colour: (index) =>
      ((palette[index]?.[0] ?? 0) << 16) | ((palette[index]?.[1] ?? 0) << 8) | (palette[index]?.[2] ?? 0),
    opacity: (index) => (palette[index]?.[3] ?? 255) / 255,
  })
}

/** @throws Text2LiveError INPUT_TRUNCATED, INPUT_TOO_LARGE by the header, before anything is decoded */
function readPng(name: string, bytes: Uint8Array): ReturnType<typeof decodePng> {
  if (bytes.length >= 24) {
    const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    assertNotTooLarge(name, header.getUint32(16), header.getUint32(20))
  }
  try {
    return decodePng(bytes, { checkCrc: true })
  } catch (cause) {
    throw damagedImage(name, 'PNG', cause)
  }
}

/** Samples of under 8 bits, one a byte; rows begin at whole bytes. */
function unpacked(data: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  if (depth === 8) return Uint8Array.from(data)
  const perByte = 8 / depth
  const rowBytes = Math.ceil(width / perByte)
  const mask = 2 ** depth - 1
  return new Uint8Array(width * height).map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return (data[y * rowBytes + Math.floor(x / perByte)]! >> (8 - depth * ((x % perByte) + 1))) & mask
  })
}

async function byBrowser({ name, bytes, format }: PictureFile): Promise<Decoded> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: `image/${format}` }), {
      imageOrientation: 'from-image',
    })
  } catch (cause) {
    throw damagedImage(name, format.toUpperCase(), cause)
  }
  try {
    const { width, height } = bitmap
    assertNotTooLarge(name, width, height)
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
    if (context === null)
      throw new Text2LiveError(
        'INPUT_TOO_LARGE',
        `${name} is ${width}x${height}, more than this browser can draw. Make the image smaller.`,
      )
    context.drawImage(bitmap, 0, 0)
    const { data } = context.getImageData(0, 0, width, height, { colorSpace: 'srgb' })
    return {
      pixels: pixelImage(width, height, 4, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
      notes: format === 'jpeg' && isCmyk(bytes) ? [cmykNote] : [],
    }
  } finally {
    bitmap.close()
  }
}

const cmykNote =
  'photo: it is in CMYK, which browsers turn into RGB without its colour profile; the command line applies the profile'

/** Does the JPEG's frame header name four components? */
function isCmyk(bytes: Uint8Array): boolean {
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]!
    // Frame headers, but for the tables that stand between them.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      return bytes[at + 9] === 4
    at += 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!)
  }
  return false
}
