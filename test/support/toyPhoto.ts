import sharp from 'sharp'

/** A small photo that shows something: a PNG of 72x64. */
export async function toyPhoto(): Promise<Buffer> {
  const [width, height] = [72, 64]
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37 + (i >> 7) * 11) % 256)
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}
