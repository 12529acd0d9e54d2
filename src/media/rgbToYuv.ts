import { lumaWeights } from './yuvToRgb.js'

/**
 * To BT.709 YUV of limited range: planes Y, U, V and, of RGBA, A (full range), one after the other without gaps, as
 * WebCodecs' I420, I420A and I444AP10. Chroma of 4:2:0 lies where `yuvToRgb` looks for it: a [1 2 1] / 4 mean across, a
 * mean of two rows down.
 *
 * @param pixels `height * width * channels` bytes; alpha straight
 * @param layout '420': 8 bits, sides of any parity; '444p10': 10 bits in 16, nothing subsampled
 */
export function rgbToYuv(
  pixels: Uint8Array,
  width: number,
  height: number,
  channels: 3 | 4,
  layout: '420' | '444p10',
): Uint8Array | Uint16Array {
  const half = layout === '420'
  const unit = half ? 1 : 4
  const columns = half ? Math.ceil(width / 2) : width
  const rows = half ? Math.ceil(height / 2) : height
  const plane = width * height
  const small = columns * rows
  const size = plane + 2 * small + (channels === 4 ? plane : 0)
  const out = half ? new Uint8ClampedArray(size) : new Uint16Array(size)
  const [red, blue] = lumaWeights.bt709
  const green = 1 - red - blue
  const lumaScale = (unit * 219) / 255
  const uScale = (unit * 224) / 255 / (2 * (1 - blue))
  const vScale = (unit * 224) / 255 / (2 * (1 - red))
  const chroma = new Float32Array(2 * plane)
  for (let i = 0; i < plane; i++) {
    const r = pixels[channels * i]!
    const g = pixels[channels * i + 1]!
    const b = pixels[channels * i + 2]!
    const l = red * r + green * g + blue * b
    out[i] = Math.round(16 * unit + lumaScale * l)
    chroma[i] = (b - l) * uScale
    chroma[plane + i] = (r - l) * vScale
    if (channels === 4)
      out[plane + 2 * small + i] = half ? pixels[4 * i + 3]! : Math.round((pixels[4 * i + 3]! * 1023) / 255)
  }
  for (let c = 0; c < 2; c++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const value = half ? subsampled(chroma, c * plane, 2 * x, 2 * y) : chroma[c * plane + y * width + x]!
        out[plane + c * small + y * columns + x] = Math.round(128 * unit + value)
      }
    }
  }
  return half ? new Uint8Array(out.buffer) : (out as Uint16Array)

  function subsampled(data: Float32Array, start: number, x: number, y: number): number {
    const left = Math.max(0, x - 1)
    const right = Math.min(width - 1, x + 1)
    const upper = start + y * width
    const lower = start + Math.min(height - 1, y + 1) * width
    return (
      (data[upper + left]! +
        2 * data[upper + x]! +
        data[upper + right]! +
        data[lower + left]! +
        2 * data[lower + x]! +
        data[lower + right]!) /
      8
    )
  }
}
