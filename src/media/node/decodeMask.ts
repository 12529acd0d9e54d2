import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../image.js'
import { judgeMask, maskRange, MaskReading } from '../maskReading.js'
import { maskPicture } from './maskPicture.js'
import { readHeader } from './readImage.js'

/**
 * Reads the mask that bounds an edit: where it may be (1) and where not (0), as `MaskReading` says.
 *
 * @param source path, or the file's bytes
 * @param width of the photo, upright
 * @param height of the photo, upright
 * @param note is told what a person might not expect of how the mask is read, and where it says little
 * @returns 1 channel, [0, 1]
 * @throws Text2LiveError MASK_INVALID for another size or a mask that lets no edit be seen; as `decodePhoto` for a file that cannot be read
 */
export async function decodeMask(
  source: string | Uint8Array, width: number, height: number, note: (message: string) => void = () => undefined,
): Promise<FloatImage> {
  const header = await readHeader(source)
  if (header.width !== width || header.height !== height) {
    throw new Text2LiveError('MASK_INVALID',
      `The mask must have the photo's size, ${width}x${height}, but ${header.name} is ${header.width}x${header.height}. Resize or crop it.`)
  }
  const picture = await maskPicture(header)
  const reading = new MaskReading()
  reading.add(picture)
  const mask = reading.read(picture)
  const judged = judgeMask(header.name, maskRange([mask]))
  if (judged.refused !== undefined) throw new Text2LiveError('MASK_INVALID', judged.refused)
  for (const message of [...picture.notes, ...reading.notes, ...(judged.note === undefined ? [] : [judged.note])]) note(message)
  return mask
}
