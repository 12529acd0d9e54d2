import { Text2LiveError } from '../../errors.js'
import { assertNotTooLarge, damagedImage } from '../../media/photo.js'
import type { Size } from './viewMatrix.js'

/** As much as a page shows of a photo: 200 MB. Of larger ones a smaller picture is shown. */
const shownPixels = 50_000_000

/** A photo as the stage shows it. */
export interface ShownPhoto {
  /** Upright, in the colours of the screen. */
  readonly picture: ImageBitmap
  /** The file's own upright size, px. */
  readonly size: Size
}

/**
 * Decodes a photo for showing, upright; over 50 megapixels made smaller.
 * @throws Text2LiveError INPUT_EMPTY, INPUT_TRUNCATED (also what this browser does not read), INPUT_TOO_LARGE
 */
export async function decodePhoto(file: Blob): Promise<ShownPhoto> {
  const name = file instanceof File && file.name !== '' ? `"${file.name}"` : 'The photo'
  if (file.size === 0) throw new Text2LiveError('INPUT_EMPTY', `${name} is empty: it has no bytes. Give a photo.`)
  const whole = await decoded(file, name, { imageOrientation: 'from-image' })
  const size = { width: whole.width, height: whole.height }
  try {
    assertNotTooLarge(name, size.width, size.height)
  } catch (error) {
    whole.close()
    throw error
  }
  const scale = Math.sqrt(shownPixels / (size.width * size.height))
  if (scale >= 1) return { picture: whole, size }
  const picture = await createImageBitmap(whole, {
    resizeWidth: Math.round(size.width * scale),
    resizeHeight: Math.round(size.height * scale),
    resizeQuality: 'medium',
  })
  whole.close()
  return { picture, size }
}

/**
 * Decodes a layer (`edit.png`: colours with straight alpha) or a map (`alpha.png`: grey) of a run. Colours are
 * multiplied by alpha once here, as drawing wants them; what is drawn is the file's colour at the file's opacity.
 * @throws Text2LiveError INPUT_TRUNCATED
 */
export const decodeLayer = (file: Blob, name = 'The layer'): Promise<ImageBitmap> =>
  decoded(file, name, { premultiplyAlpha: 'premultiply', colorSpaceConversion: 'none' })

/**
 * Is it a JPEG of four inks? Browsers turn these into RGB without their profile.
 * @param bytes of a file of any kind
 */
export function isCmykJpeg(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return false
  // Segments: a marker, their length with its own two bytes, what they hold.
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; at += 2 + 256 * bytes[at + 2]! + bytes[at + 3]!) {
    const marker = bytes[at + 1]!
    const beginsFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (beginsFrame) return bytes[at + 9] === 4
  }
  return false
}

async function decoded(file: Blob, name: string, options: ImageBitmapOptions): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, options)
  } catch (cause) {
    throw damagedImage(name, file.type === '' ? 'image' : file.type.replace('image/', '').toUpperCase(), cause)
  }
}
