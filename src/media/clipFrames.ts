import type { FloatImage } from './image.js'

/** The frames of a clip at one size, in memory, 8 bits a channel. */
export interface ClipFrames {
  readonly width: number
  readonly height: number
  /** Each frame: `height * width * 3` bytes, RGB interleaved, sRGB, rows from the top. */
  readonly pixels: readonly Uint8Array[]
}

/** Frame `t` as planes of [0, 1]. */
export function frameImage({ width, height, pixels }: ClipFrames, t: number): FloatImage {
  const bytes = pixels[t]!
  const size = width * height
  const data = new Float32Array(3 * size)
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) data[c * size + i] = bytes[3 * i + c]! / 255
  }
  return { width, height, channels: 3, data }
}
