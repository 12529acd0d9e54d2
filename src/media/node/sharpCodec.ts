import type { ImageCodec } from '../imageCodec.js'
import { decodeMask, decodeMaskPicture } from './decodeMask.js'
import { decodePhoto } from './decodePhoto.js'
import { encodePng } from './encodePng.js'

/** Pictures by sharp: every format and depth, colour profiles, EXIF. */
export const sharpCodec: ImageCodec = { decodePhoto, decodeMask, decodeMaskPicture, encodePng }
