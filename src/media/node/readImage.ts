import type { Metadata } from 'sharp'
import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../image.js'
import { pictureName, type PictureSource } from '../imageCodec.js'
import { assertNotTooLarge, damagedImage, formatOf, maxPixels } from '../photo.js'
import { pixelImage, type PixelImage } from '../quantise.js'
import { alphaStrips, colourStrips, wholeOf } from '../strips.js'
import { readRegularFile } from './readRegularFile.js'
import { sharp } from './sharp.js'
import type { PhotoFormat } from '../sniffFormat.js'

const maxBytes = 1024 ** 3

/** A file that has the look and the header of an image of acceptable size; nothing is decoded yet. */
export interface ImageHeader {
  readonly name: string
  readonly bytes: Uint8Array
  readonly format: PhotoFormat
  /** After the EXIF orientation is applied. */
  readonly width: number
  readonly height: number
  readonly bitDepth: 8 | 16
  /** EXIF orientation, 1 to 8; 1 where the file has none. */
  readonly orientation: number
  readonly metadata: Metadata
}

/**
 * Reads a file and its header.
 *
 * @param source path, or the file's bytes
 * @throws Text2LiveError INPUT_NOT_FOUND, INPUT_EMPTY, INPUT_NOT_IMAGE, INPUT_TRUNCATED, INPUT_TOO_LARGE
 */
export async function readHeader(source: PictureSource): Promise<ImageHeader> {
  const name = pictureName(source)
  const bytes =
    typeof source === 'string'
      ? await readRegularFile(source, { what: 'an image file', maxBytes })
      : source instanceof Uint8Array
        ? source
        : source.bytes
  const { format, looksLike } = formatOf(name, bytes)
  let metadata: Metadata
  try {
    metadata = await sharp(bytes, { limitInputPixels: false }).metadata()
  } catch (cause) {
    throw damagedImage(name, looksLike, cause)
  }
  const { width, height } = metadata.autoOrient
  assertNotTooLarge(name, width, height)
  if (metadata.depth !== 'uchar' && metadata.depth !== 'ushort') {
    throw new Text2LiveError(
      'INPUT_NOT_IMAGE',
      `Expected 8 or 16 bits per sample, but ${name} has samples of type "${metadata.depth}". Export it with 16 bits per channel.`,
    )
  }
  return {
    name,
    bytes,
    format,
    width,
    height,
    metadata,
    bitDepth: metadata.depth === 'ushort' ? 16 : 8,
    orientation: metadata.orientation ?? 1,
  }
}

/**
 * Decodes to sRGB, oriented upright: the embedded ICC profile is applied, CMYK goes through its profile, grey and
 * palette become RGB. Alpha, where there is one, is straight. Of several pages or frames the first is taken. 16-bit
 * grey is taken as sRGB-encoded, whatever its profile (libvips does not convert it).
 *
 * @returns RGB, or RGBA where the file has alpha, with the file's bit depth
 * @throws Text2LiveError INPUT_TRUNCATED
 */
export async function decodePixels(header: ImageHeader): Promise<PixelImage> {
  const { metadata } = header
  const sixteen = header.bitDepth === 16
  const pipeline = sharp(header.bytes, { failOn: 'error', limitInputPixels: maxPixels })
    .autoOrient()
    .toColourspace(sixteen ? 'rgb16' : 'srgb')
  // sharp brings 8-bit images with a profile to sRGB, 16-bit ones only to its wide working space, Display P3.
  if (metadata.space === 'rgb16' && metadata.hasProfile) pipeline.withIccProfile('srgb', { attach: false })
  let decoded
  try {
    decoded = await pipeline.raw({ depth: sixteen ? 'ushort' : 'uchar' }).toBuffer({ resolveWithObject: true })
  } catch (cause) {
    throw damagedImage(header.name, header.format.toUpperCase(), cause)
  }
  const { data, info } = decoded
  const { width, height, channels } = info
  const samples = sixteen
    ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2)
    : new Uint8Array(data.buffer, data.byteOffset, data.length)
  if (header.format === 'avif' && sixteen) stretch(samples, metadata.bitsPerSample ?? 16)
  if (channels === 3 || channels === 4) return pixelImage(width, height, channels, samples)
  throw new Text2LiveError('INTERNAL', `Decoding ${header.name} gave ${channels} channels, expected 3 or 4.`)
}

/**
 * As `decodePixels`, in float planes: four bytes a sample, for pictures that are not large.
 *
 * @returns `rgb` 3 channels and, where the file has one, `alpha` 1 channel, both [0, 1]
 * @throws Text2LiveError INPUT_TRUNCATED
 */
export async function decodeImage(
  header: ImageHeader,
): Promise<{ readonly rgb: FloatImage; readonly alpha?: FloatImage }> {
  const pixels = await decodePixels(header)
  const rgb = wholeOf(colourStrips(pixels))
  return pixels.channels === 4 ? { rgb, alpha: wholeOf(alphaStrips(pixels)) } : { rgb }
}

/** libvips shifts 10- and 12-bit samples up to 16 bits, which leaves white below 65535. */
function stretch(samples: Uint8Array | Uint16Array, bits: number): void {
  const white = (2 ** bits - 1) * 2 ** (16 - bits)
  for (let i = 0; i < samples.length; i++) samples[i] = Math.min(65535, Math.round((samples[i]! * 65535) / white))
}
