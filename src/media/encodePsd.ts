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
  /** What the edit is painted over besides the photo, the lowest first; none where absent. */
  readonly below?: readonly NamedLayer[]
  /** What the edit is called; default "edit layer". */
  readonly name?: string
  /** RGB or RGBA: what programs show that do not read layers. */
  readonly composite: PixelImage
}

/** An edit of another run. */
export interface NamedLayer {
  readonly name: string
  /** RGBA, straight alpha, of the photo's size. */
  readonly image: PixelImage
}

/** Names of the layers, from the top. */
export const layerNames = ['edit layer', 'photo'] as const
/** What an edit is painted over, in files of a photo and of an atlas: it is no part of the edit. */
export const baseLayerNames = [layerNames[1], 'atlas'] as const
/** In files of an atlas, hidden: the part that the clip shows. */
export const maskLayerName = 'mask'

/**
 * A Photoshop document, 8 bits RGB, with the layers "photo", those that the edit stands on, and above them the edit.
 *
 * @throws Text2LiveError SHAPE_MISMATCH; INPUT_TOO_LARGE when a side is over 30000 px, the format's limit
 */
export const encodePsd = (picture: LayeredPicture): Uint8Array<ArrayBuffer> => concatBytes(psdPieces(picture))

/** As `encodePsd`, in pieces, each made when it is asked for; what was asked for before is no longer held. */
export function psdPieces(picture: LayeredPicture): Generator<Uint8Array> {
  checkLayers(picture)
  const { photo, below = [], edit, name = layerNames[0], composite } = picture
  return psdLayerPieces(composite, [{ name: layerNames[1], image: photo }, ...below, { name, image: edit }])
}

/**
 * @throws Text2LiveError SHAPE_MISMATCH unless edit, photo and composite are of one size and have the channels they
 * should
 */
export function checkLayers({ photo, below = [], edit, composite }: LayeredPicture): void {
  const edits = [...below.map(({ image }) => image), edit]
  const sameSize = [...edits, composite].every((image) => image.width === photo.width && image.height === photo.height)
  if (!sameSize || photo.channels === 1 || edits.some(({ channels }) => channels !== 4) || composite.channels === 1) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      'A layered file expected an RGBA edit, and a photo and composite in RGB or RGBA, of one size, got ' +
        [...edits, photo, composite].map((image) => `${image.width}x${image.height}x${image.channels}`).join(', ') +
        '.',
    )
  }
}
