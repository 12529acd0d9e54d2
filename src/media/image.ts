/**
 * An image in memory: planar (CHW) float32, values in [0, 1], sRGB-encoded, straight alpha as 4th channel where there
 * is one.
 */
export interface FloatImage {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3 | 4
  /** `channels * height * width` values; channel c of pixel (x, y) is at `(c * height + y) * width + x`. */
  readonly data: Float32Array
}
