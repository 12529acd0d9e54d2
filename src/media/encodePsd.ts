import { Text2LiveError } from '../errors.js'
import { concatBytes } from './bytes.js'
import type { PixelImage } from './quantise.js'
import { psdLayerPieces } from './writePsdLayers.js'

/** What a layered file is made of, all of one size; `composeOutputs` gives it. */
export interface LayeredPicture {
  /** RGB, or RGBA where the photo has its own alpha. */
  readonly photo: PixelImage
  /** RGBA, straight alpha. */
  readonly edit: PixelImage
  /** RGB or RGBA: what programs show that do not read layers. */
  readonly composite: PixelImage
}

/** Names of the layers, from the top. */
export const layerNames = ['edit layer', 'photo'] as const
/** What an edit is painted over, in files of a photo and of an atlas: it is no part of the edit. */
export const baseLayerNames = [layerNames[1], 'atlas'] as const
/** In files of an atlas, hidden: the part that the clip shows. */
export const maskLayerName = 'mask'

/**
 * A Photoshop document, 8 bits RGB, with the layers "photo" and above it "edit layer".
 *
 * @throws Text2LiveError SHAPE_MISMATCH; INPUT_TOO_LARGE when a side is over 30000 px, the format's limit
 */
export const encodePsd = (picture: LayeredPicture): Uint8Array<ArrayBuffer> => concatBytes(psdPieces(picture))

/** As `encodePsd`, in pieces, each made when it is asked for; what was asked for before is no longer held. */
export function psdPieces({ photo, edit, composite }: LayeredPicture): Generator<Uint8Array> {
  checkLayers({ photo, edit, composite })
  return psdLayerPieces(composite, [
    { name: layerNames[1], image: photo },
    { name: layerNames[0], image: edit },
  ])
}

/**
 * @throws Text2LiveError SHAPE_MISMATCH unless edit, photo and composite are of one size and have the channels they
 * should
 */
export function checkLayers({ photo, edit, composite }: LayeredPicture): void {
  const sameSize = [edit, composite].every((image) => image.width === photo.width && image.height === photo.height)
  if (!sameSize || photo.channels === 1 || edit.channels !== 4 || composite.channels === 1) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      'A layered file expected an RGBA edit, and a photo and composite in RGB or RGBA, of one size, got ' +
        [edit, photo, composite].map((image) => `${image.width}x${image.height}x${image.channels}`).join(', ') +
        '.',
    )
  }
}
