import type { ImageCodec } from '../imageCodec.js'
import { layerOver } from '../layeredStrips.js'
import { decodeMask, decodeMaskPicture } from './decodeMask.js'
import { decodePhoto } from './decodePhoto.js'
import { encodePng } from './encodePng.js'
import { decodePixels, readHeader } from './readImage.js'

/** Pictures by sharp: every format and depth, colour profiles, EXIF. */
export const sharpCodec: ImageCodec = {
  decodePhoto,
  decodeMask,
  decodeMaskPicture,
  async decodeLayer(source, photo) {
    const header = await readHeader(source)
    return layerOver(header.name, await decodePixels(header), photo)
  },
  encodePng,
}
