import type { ClipFrames } from '../../media/clipFrames.js'

/** A clip at a whole fraction of its size, with its foreground opacity: what a stage of the fit works on. */
export interface ScaledClip {
  /** Size of a pixel in px of the frame. */
  readonly pixel: number
  readonly width: number
  readonly height: number
  /** RGB in [0, 255], interleaved, per frame. */
  readonly colours: readonly Uint8Array[]
  /** Opacity of the foreground of frame t in [0, 1]. */
  opacity(t: number): Float32Array
}

/**
 * The clip with each `pixel` x `pixel` block of pixels as one; what is left over at the right and the bottom is
 * dropped.
 */
export function scaleClip(frames: ClipFrames, opacity: readonly Uint8Array[], pixel: number): ScaledClip {
  const width = Math.floor(frames.width / pixel)
  const height = Math.floor(frames.height / pixel)
  const shares = pixel === 1 ? opacity : opacity.map((bytes) => blockMean(bytes, 1, frames.width, width, height, pixel))
  const colours =
    pixel === 1 ? frames.pixels : frames.pixels.map((bytes) => blockMean(bytes, 3, frames.width, width, height, pixel))
  return {
    pixel,
    width,
    height,
    colours,
    opacity(t) {
      const bytes = shares[t]!
      const plane = new Float32Array(bytes.length)
      for (let i = 0; i < plane.length; i++) plane[i] = SHARES[bytes[i]!]!
      return plane
    },
  }
}

/** Bytes in [0, 1]. */
const SHARES = new Float32Array(256).map((_, byte) => byte / 255)

function blockMean(
  bytes: Uint8Array,
  channels: number,
  stride: number,
  width: number,
  height: number,
  pixel: number,
): Uint8Array {
  const result = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (let j = 0; j < pixel; j++) {
          for (let i = 0; i < pixel; i++) sum += bytes[((y * pixel + j) * stride + x * pixel + i) * channels + c]!
        }
        result[(y * width + x) * channels + c] = Math.round(sum / (pixel * pixel))
      }
    }
  }
  return result
}
