import type { MaskPainting } from './maskPainting.js'

/** A painted mask as a grey PNG of 8 bits. */
export async function maskPng(mask: MaskPainting): Promise<Uint8Array> {
  const { browserCodec } = await import('../../media/web/browserCodec.js')
  const { width, height, data } = mask.read()
  return await browserCodec.encodePng({ width, height, channels: 1, bitDepth: 8, data })
}
