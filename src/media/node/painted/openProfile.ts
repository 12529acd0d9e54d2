import { endianness } from 'node:os'
import { Text2LiveError } from '../../../errors.js'
import type { FloatImage } from '../../image.js'
import { pixelImage, quantise, type PixelImage } from '../../quantise.js'
import { decodeImage, readHeader } from '../readImage.js'

/**
 * What brings a document's colours to sRGB, by its ICC profile. Without a profile, or with one of sRGB, colours stay as
 * they are, bit for bit.
 * @param profile the ICC profile, if it has one
 * @param bitDepth of the conversion
 * @throws Text2LiveError INPUT_TRUNCATED for a profile that cannot be used
 */
export async function openProfile(
  profile: Uint8Array | undefined,
  grey: boolean,
  bitDepth: 8 | 16,
): Promise<(image: FloatImage) => Promise<FloatImage>> {
  if (profile === undefined || profile.length === 0) return (image) => Promise.resolve(image)
  const [space, signature] = [ascii(profile, 16), ascii(profile, 36)]
  if (signature !== 'acsp' || space !== (grey ? 'GRAY' : 'RGB '))
    throw unusable(signature === 'acsp' ? `it is one of "${space.trim()}"` : 'it is damaged')
  const ramp = grey ? greyRamp() : colourCube()
  const converted = await convert(ramp, profile)
  // A profile is known by what it does: its name may be anything.
  const before = ramp.channels === 1 ? [0, 0, 0] : [0, 1, 2]
  const plane = ramp.width * ramp.height
  const differs = before.some((channel, c) =>
    converted.data
      .subarray(c * plane, (c + 1) * plane)
      .some(
        (value, i) =>
          Math.abs(value - ramp.data[i * ramp.channels + channel]! / (ramp.bitDepth === 8 ? 255 : 65535)) > 1.5 / 255,
      ),
  )
  if (!differs) return (image) => Promise.resolve(image)
  return grey
    ? (image) => Promise.resolve(throughCurve(image, converted))
    : async (image) => {
        const { width, height, data } = image
        const rgb = await convert(
          quantise({ width, height, channels: 3, data: data.subarray(0, 3 * width * height) }, bitDepth),
          profile,
        )
        const out = Float32Array.from(data)
        out.set(rgb.data)
        return { ...image, data: out }
      }
}

/** Nine steps of each colour. */
function colourCube(): PixelImage {
  const data = new Uint16Array(3 * 729)
  for (let i = 0; i < 729; i++) for (let c = 0; c < 3; c++) data[3 * i + c] = ((Math.floor(i / 9 ** c) % 9) * 65535) / 8
  return pixelImage(27, 27, 3, data)
}

/** Every grey of 8 bits: libvips converts grey of no other depth. */
const greyRamp = (): PixelImage =>
  pixelImage(
    256,
    1,
    1,
    new Uint8Array(256).map((_, i) => i),
  )

function throughCurve(image: FloatImage, curve: FloatImage): FloatImage {
  const data = Float32Array.from(image.data)
  const plane = image.width * image.height
  for (let c = 0; c < 3; c++) {
    for (let i = c * plane; i < (c + 1) * plane; i++) {
      const at = data[i]! * 255
      const from = Math.min(254, Math.floor(at))
      data[i] = curve.data[c * 256 + from]! * (1 - at + from) + curve.data[c * 256 + from + 1]! * (at - from)
    }
  }
  return { ...image, data }
}

async function convert(pixels: PixelImage, profile: Uint8Array): Promise<FloatImage> {
  try {
    return (await decodeImage(await readHeader(tiffWith(pixels, profile)))).rgb
  } catch (cause) {
    throw unusable(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

const ascii = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4))

const unusable = (why: string, cause?: unknown): Text2LiveError =>
  new Text2LiveError(
    'INPUT_TRUNCATED',
    `The colour profile of the document cannot be used (${why}). Convert the document to sRGB.`,
    { cause },
  )

/** A TIFF, the shortest way to hand sharp pixels together with a profile. */
function tiffWith({ width, height, channels, bitDepth, data }: PixelImage, profile: Uint8Array): Uint8Array {
  const [short, long, undefinedBytes] = [3, 4, 7]
  const count = 10
  const bitsAt = 8 + 2 + 12 * count + 4
  const profileAt = bitsAt + 8
  const pixelsAt = profileAt + profile.length + (profile.length % 2)
  const file = Buffer.alloc(pixelsAt + data.byteLength)
  file.write('II*\0', 'latin1')
  file.writeUInt32LE(8, 4)
  const entries = [
    [256, long, 1, width],
    [257, long, 1, height],
    [258, short, channels, channels === 1 ? bitDepth : bitsAt],
    [259, short, 1, 1],
    [262, short, 1, channels === 1 ? 1 : 2],
    [273, long, 1, pixelsAt],
    [277, short, 1, channels],
    [278, long, 1, height],
    [279, long, 1, data.byteLength],
    [34675, undefinedBytes, profile.length, profileAt],
  ] as const
  file.writeUInt16LE(count, 8)
  for (const [i, [tag, type, length, value]] of entries.entries()) {
    file.writeUInt16LE(tag, 10 + 12 * i)
    file.writeUInt16LE(type, 12 + 12 * i)
    file.writeUInt32LE(length, 14 + 12 * i)
    file.writeUInt32LE(value, 18 + 12 * i)
  }
  for (let c = 0; c < 3; c++) file.writeUInt16LE(bitDepth, bitsAt + 2 * c)
  file.set(profile, profileAt)
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), pixelsAt)
  if (bitDepth === 16 && endianness() === 'BE') file.subarray(pixelsAt).swap16()
  return file
}
