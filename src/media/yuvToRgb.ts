/**
 * Planes of one frame as a decoder gives them: Y, then U and V (never larger than Y), samples of 8 bits or,
 * little-endian in 16, of more.
 */
export interface YuvPlanes {
  readonly width: number
  readonly height: number
  /** Luma samples for each chroma sample, across and down: 4:2:0 is 2 and 2. */
  readonly chroma: readonly [1 | 2, 1 | 2]
  readonly bits: 8 | 10 | 12
  readonly data: Uint8Array | Uint16Array
  /** Where each plane starts and how far its rows are apart, in samples. */
  readonly planes: readonly { readonly offset: number; readonly stride: number }[]
  /** U and V in turns in one plane (NV12). */
  readonly interleaved?: boolean
}

export type YuvMatrix = 'bt601' | 'bt709' | 'bt2020'

/** Luma of red and blue: ITU-R BT.601, BT.709, BT.2020 (non-constant luminance). */
export const lumaWeights = {
  bt601: [0.299, 0.114],
  bt709: [0.2126, 0.0722],
  bt2020: [0.2627, 0.0593],
} as const satisfies Record<YuvMatrix, readonly [number, number]>

/**
 * To RGB, 8 bits, interleaved. Chroma is interpolated linearly; subsampled across, its samples lie on the even columns
 * of luma (as H.264 and its like have it unless they say otherwise), down, halfway between two rows.
 *
 * @param fullRange samples use all codes (0 to 255); otherwise luma 16 to 235, chroma 16 to 240
 * @returns `height * width * 3` bytes
 */
export function yuvToRgb(frame: YuvPlanes, matrix: YuvMatrix, fullRange: boolean): Uint8Array {
  const {
    width,
    height,
    chroma: [across, down],
    bits,
    data,
    planes,
    interleaved = false,
  } = frame
  const [luma, first, second] = planes as [
    YuvPlanes['planes'][number],
    YuvPlanes['planes'][number],
    YuvPlanes['planes'][number] | undefined,
  ]
  const step = interleaved ? 2 : 1
  const u = first
  const v = interleaved ? { offset: first.offset + 1, stride: first.stride } : second!
  const unit = 2 ** (bits - 8)
  const codes = 2 ** bits - 1
  const lumaScale = fullRange ? 255 / codes : 255 / (219 * unit)
  const black = fullRange ? 0 : 16 * unit
  const chromaScale = fullRange ? 255 / codes : 255 / (224 * unit)
  const neutral = 128 * unit
  const [red, blue] = lumaWeights[matrix]
  const green = 1 - red - blue
  const rv = 2 * (1 - red) * chromaScale
  const bu = 2 * (1 - blue) * chromaScale
  const gu = ((-2 * (1 - blue) * blue) / green) * chromaScale
  const gv = ((-2 * (1 - red) * red) / green) * chromaScale
  const columns = Math.ceil(width / across)
  const rows = Math.ceil(height / down)
  const rowU = new Float32Array(columns)
  const rowV = new Float32Array(columns)
  const out = new Uint8ClampedArray(3 * width * height)
  for (let y = 0; y < height; y++) {
    // Rows of chroma: those at a quarter and three quarters of the way.
    const near = Math.floor(y / down)
    const far = down === 1 ? near : Math.min(rows - 1, Math.max(0, near + (y % 2 === 0 ? -1 : 1)))
    const weight = down === 1 ? 0 : 0.25
    for (let x = 0; x < columns; x++) {
      rowU[x] =
        (1 - weight) * data[u.offset + near * u.stride + step * x]! +
        weight * data[u.offset + far * u.stride + step * x]! -
        neutral
      rowV[x] =
        (1 - weight) * data[v.offset + near * v.stride + step * x]! +
        weight * data[v.offset + far * v.stride + step * x]! -
        neutral
    }
    const row = luma.offset + y * luma.stride
    for (let x = 0; x < width; x++) {
      const left = across === 1 ? x : x >> 1
      const between = across === 2 && x % 2 === 1 && left + 1 < columns
      const cu = between ? (rowU[left]! + rowU[left + 1]!) / 2 : rowU[left]!
      const cv = between ? (rowV[left]! + rowV[left + 1]!) / 2 : rowV[left]!
      const l = (data[row + x]! - black) * lumaScale
      const at = 3 * (y * width + x)
      // A clamped array rounds to the nearest.
      out[at] = l + rv * cv
      out[at + 1] = l + gu * cu + gv * cv
      out[at + 2] = l + bu * cu
    }
  }
  return new Uint8Array(out.buffer)
}
