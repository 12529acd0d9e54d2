import { Text2LiveError } from '../../errors.js'
import type { PictureSource } from '../../media/imageCodec.js'

/** A picture as its bytes with a name. @throws INPUT_NOT_FOUND for a path, which means nothing in a browser */
export function pictureBytes(source: PictureSource): {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
} {
  if (typeof source === 'string')
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `Expected the bytes of a picture, got the path "${source}". Drop the file on the page.`,
    )
  const { name, bytes } = 'name' in source ? source : { name: 'photo', bytes: source }
  return { name, bytes: bytes as Uint8Array<ArrayBuffer> }
}
