import { browserCodec } from '../../media/web/browserCodec.js'
import { answerPage } from '../parts/askWorker.js'
import type { GreyPlane } from './growPlane.js'
import type { MaskFileRequest } from './maskFile.js'
import { MaskTiles } from './maskTiles.js'

answerPage(async (request: MaskFileRequest): Promise<Uint8Array | GreyPlane> => {
  const { width, height } = request
  if (request.do === 'write') {
    const mask = new MaskTiles(width, height)
    for (const [i, tile] of request.tiles.entries()) mask.replace(i, tile)
    return await browserCodec.encodePng({ width, height, channels: 1, bitDepth: 8, data: mask.read() })
  }
  const { file } = request
  const { image } = await browserCodec.decodeMask(file, width, height)
  return { width, height, data: new Uint8Array(image.data.map((value) => Math.round(255 * value))) }
})
