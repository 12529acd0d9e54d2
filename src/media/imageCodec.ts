import type { FloatImage } from './image.js'
import type { MaskPicture } from './maskReading.js'
import type { Photo } from './photo.js'
import { type PixelImage, toEightBits } from './quantise.js'
import type { PhotoFormat } from './sniffFormat.js'

/** A mask as it was given, and as it bounds an edit. */
export interface DecodedMask {
  /** 1 channel, [0, 1]: where the edit may be (1) and where not (0). */
  readonly image: FloatImage
  readonly format: PhotoFormat
  /** The file as it was read. */
  readonly bytes: Uint8Array
  /** What a person might not expect of how the mask is read, and where it says little. */
  readonly notes: readonly string[]
}

/** A picture's file: its bytes, with a name for messages where it has one; or a path, where the machine has files. */
export type PictureSource = string | Uint8Array | { readonly name: string; readonly bytes: Uint8Array }

/** What messages call a picture. */
export const pictureName = (source: PictureSource): string =>
  typeof source === 'string' ? `"${source}"` : 'name' in source ? `"${source.name}"` : 'The image given as bytes'

/** The bytes of a picture that is no path. */
export const bytesOf = (source: Exclude<PictureSource, string>): Uint8Array =>
  source instanceof Uint8Array ? source : source.bytes

/** How the machine that a run is on reads and writes pictures. */
export interface ImageCodec {
  /**
   * @throws Text2LiveError INPUT_*, MASK_INVALID (transparent all over)
   */
  readonly decodePhoto: (source: PictureSource) => Promise<Photo>
  /**
   * @param width of the photo, upright
   * @param height of the photo, upright
   * @throws Text2LiveError INPUT_*, MASK_INVALID for another size or a mask that lets no edit be seen
   */
  readonly decodeMask: (source: PictureSource, width: number, height: number) => Promise<DecodedMask>
  /**
   * An edit layer of another run.
   * @returns RGBA, 8 bits, straight alpha; colours under alpha 0 are kept
   * @throws Text2LiveError INPUT_*; LAYER_UNSUPPORTED for another size than the photo's, or without alpha
   */
  readonly decodeLayer: (source: PictureSource, photo: Pick<PixelImage, 'width' | 'height'>) => Promise<PixelImage>
  /**
   * A picture decoded so far that a mask can be read from it, together with others of its kind.
   * @param assertSize is told what messages call it and its size, upright, as soon as that is known; what it throws is
   *   thrown
   * @throws Text2LiveError INPUT_*
   */
  readonly decodeMaskPicture: (
    source: PictureSource,
    assertSize: (name: string, size: { readonly width: number; readonly height: number }) => void,
  ) => Promise<MaskPicture>
  /** A PNG of the same samples: grey, RGB or RGBA, 8 or 16 bits. Alpha is straight; colours under alpha 0 are kept. */
  readonly encodePng: (pixels: PixelImage) => Promise<Uint8Array>
}

/**
 * A photo as a run reads it, for a browser that does not show its format or its colours.
 * @returns PNG of 8 bits, of the photo's own upright size
 * @throws Text2LiveError INPUT_*, MASK_INVALID (transparent all over)
 */
export const photoPreview = async (
  photo: PictureSource,
  { decodePhoto, encodePng }: Pick<ImageCodec, 'decodePhoto' | 'encodePng'>,
): Promise<Uint8Array> => await encodePng(toEightBits((await decodePhoto(photo)).pixels))
