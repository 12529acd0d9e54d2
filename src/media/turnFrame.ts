/**
 * Turns a picture clockwise, then mirrors it left to right where asked.
 *
 * @param pixels `channels` bytes each (RGB), rows from the top
 * @returns the same pixels in their new places; of 90 and 270 degrees, width and height change places
 */
export function turnFrame(
  pixels: Uint8Array,
  width: number,
  height: number,
  degrees: 0 | 90 | 180 | 270,
  mirrored: boolean,
  channels: 1 | 3 = 3,
): Uint8Array {
  if (degrees === 0 && !mirrored) return pixels
  const sideways = degrees === 90 || degrees === 270
  const [outWidth, outHeight] = sideways ? [height, width] : [width, height]
  const out = new Uint8Array(pixels.length)
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const turned = mirrored ? outWidth - 1 - x : x
      const fromX = degrees === 0 ? turned : degrees === 90 ? y : degrees === 180 ? width - 1 - turned : width - 1 - y
      const fromY = degrees === 0 ? y : degrees === 90 ? height - 1 - turned : degrees === 180 ? height - 1 - y : turned
      const from = channels * (fromY * width + fromX)
      const to = channels * (y * outWidth + x)
      for (let c = 0; c < channels; c++) out[to + c] = pixels[from + c]!
    }
  }
  return out
}
