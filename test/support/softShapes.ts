/** RGB or RGBA bytes: soft shapes that move; alpha a disc with a soft edge. */
export function softShapes(width: number, height: number, t: number, channels: 3 | 4): Uint8Array {
  const out = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = channels * (y * width + x)
      out.set([128 + 100 * Math.sin((x + 2 * t) / 9), 128 + 90 * Math.cos((y - t) / 11), 60 + 2 * t + x], at)
      if (channels === 4) out[at + 3] = Math.max(0, Math.min(255, 400 - 30 * Math.hypot(x - width / 2, y - height / 2)))
    }
  }
  return out
}

/**
 * Of the colours of `a`, of so many channels, and RGB `b`, 8 bits, dB; `wide` is the row length of `b` in pixels where
 * it is wider.
 */
export function psnr(
  a: Uint8Array,
  b: Uint8Array,
  channels: number,
  width: number,
  rows: number,
  wide = width,
): number {
  let sum = 0
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) sum += (a[channels * (y * width + x) + c]! - b[3 * (y * wide + x) + c]!) ** 2
  return 10 * Math.log10((255 ** 2 * 3 * width * rows) / sum)
}

/** Straight RGBA as a clip with alpha is read: its colours over black. */
export const overBlack = (rgba: Uint8Array): Uint8Array =>
  rgba.map((x, i) => (i % 4 === 3 ? 255 : Math.round((x * rgba[i - (i % 4) + 3]!) / 255)))
