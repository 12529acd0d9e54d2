import type { ClipFrames } from './clipFrames.js'

/** Of the small pictures that are compared, px. */
const smallWidth = 64
const block = 8
/** How far a block may have moved between two frames: a sixth of the width. */
const reach = 10

/** A small picture of a frame, and how much its pixels vary. */
export interface Thumbnail {
  readonly width: number
  readonly height: number
  /** `height * width * 3` values, 0 to 255. */
  readonly data: Float32Array
  readonly deviation: number
}

/** By area: each pixel is the mean of what it covers. */
export function thumbnail({ width, height, pixels }: ClipFrames, t: number): Thumbnail {
  const frame = pixels[t]!
  const w = Math.min(smallWidth, width)
  const h = Math.max(1, Math.min(height, Math.round((w * height) / width)))
  const data = new Float32Array(3 * w * h)
  const count = new Uint32Array(w * h)
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * h) / height) * w
    for (let x = 0; x < width; x++) {
      const to = row + Math.floor((x * w) / width)
      const from = 3 * (y * width + x)
      count[to] = count[to]! + 1
      for (let c = 0; c < 3; c++) data[3 * to + c] = data[3 * to + c]! + frame[from + c]!
    }
  }
  for (let i = 0; i < data.length; i++) data[i] = data[i]! / count[Math.floor(i / 3)]!
  const mean = [0, 1, 2].map((c) => data.reduce((sum, value, i) => (i % 3 === c ? sum + value : sum), 0) / (w * h))
  const deviation = Math.sqrt(data.reduce((sum, value, i) => sum + (value - mean[i % 3]!) ** 2, 0) / data.length)
  return { width: w, height: h, data, deviation }
}

/**
 * What of one picture cannot be found in another by moving blocks of it: mean over blocks of the least mean absolute
 * difference, over how much the pictures vary. Motion, also fast, leaves a tenth or two; other pictures half.
 */
export function unexplained(from: Thumbnail, to: Thumbnail): number {
  const { width, height } = to
  let sum = 0
  let blocks = 0
  for (let top = 0; top + Math.min(block, height) <= height; top += block) {
    for (let left = 0; left + Math.min(block, width) <= width; left += block) {
      sum += bestMatch(from, to, left, top)
      blocks++
    }
  }
  return sum / blocks / (8 + (from.deviation + to.deviation) / 2)
}

function bestMatch(from: Thumbnail, to: Thumbnail, left: number, top: number): number {
  const { width, height } = to
  const w = Math.min(block, width - left)
  const h = Math.min(block, height - top)
  let best = Infinity
  for (let y = Math.max(0, top - reach); y <= Math.min(height - h, top + reach); y++) {
    for (let x = Math.max(0, left - reach); x <= Math.min(width - w, left + reach); x++) {
      let sum = 0
      for (let v = 0; v < h && sum < best; v++) {
        const a = 3 * ((y + v) * width + x)
        const b = 3 * ((top + v) * width + left)
        for (let i = 0; i < 3 * w; i++) sum += Math.abs(from.data[a + i]! - to.data[b + i]!)
      }
      best = Math.min(best, sum)
    }
  }
  return best / (3 * w * h)
}
