import type { Size } from '../viewDraws.js'

/**
 * Rows `start` to `start + rows - 1` of every channel of planes [1, C, H, W]; beyond the first and the last row these
 * are repeated.
 */
export function rowWindow(data: Float32Array, dims: readonly number[], start: number, rows: number): Float32Array {
  const [, channels, height, width] = dims as [number, number, number, number]
  const out = new Float32Array(channels * rows * width)
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < rows; r++) {
      const from = (c * height + Math.min(Math.max(start + r, 0), height - 1)) * width
      out.set(data.subarray(from, from + width), (c * rows + r) * width)
    }
  }
  return out
}

/** The adjoint of `rowWindow`: adds a window to the planes that it was cut from. */
export function addWindow(
  sum: Float32Array,
  dims: readonly number[],
  window: Float32Array,
  start: number,
  rows: number,
): void {
  const [, channels, height, width] = dims as [number, number, number, number]
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < rows; r++) {
      const to = (c * height + Math.min(Math.max(start + r, 0), height - 1)) * width
      const from = (c * rows + r) * width
      for (let x = 0; x < width; x++) sum[to + x] = sum[to + x]! + window[from + x]!
    }
  }
}

/** Planes that are read with one pixel of mirrored border on each side. */
export class PaddedPlanes {
  /** @param data `channels * height * width` values */
  constructor(
    readonly data: Float32Array,
    readonly channels: number,
    readonly size: Size,
  ) {}

  /** Rows y - 1 to y + rows with one mirrored column on each side: [channels, rows + 2, width + 2]. */
  rows(y: number, rows: number): Float32Array {
    const { width } = this.size
    const out = new Float32Array(this.channels * (rows + 2) * (width + 2))
    for (let c = 0; c < this.channels; c++) {
      for (let r = 0; r < rows + 2; r++) {
        const from = this.row(c, y - 1 + r)
        const to = (c * (rows + 2) + r) * (width + 2)
        out.set(this.data.subarray(from, from + width), to + 1)
        out[to] = this.data[from + 1]!
        out[to + width + 1] = this.data[from + width - 2]!
      }
    }
    return out
  }

  /** Where row y of a channel starts; rows beyond the border are mirrored. */
  row(channel: number, y: number): number {
    const { height, width } = this.size
    const inside = y < 0 ? -y : y >= height ? 2 * height - 2 - y : y
    return (channel * height + inside) * width
  }
}

/** The adjoint of `PaddedPlanes.rows`. */
export function addPadded(
  sum: Float32Array,
  planes: PaddedPlanes,
  window: Float32Array,
  y: number,
  rows: number,
): void {
  const { width } = planes.size
  for (let c = 0; c < planes.channels; c++) {
    for (let r = 0; r < rows + 2; r++) {
      const to = planes.row(c, y - 1 + r)
      const from = (c * (rows + 2) + r) * (width + 2)
      for (let x = 0; x < width; x++) sum[to + x] = sum[to + x]! + window[from + 1 + x]!
      sum[to + 1] = sum[to + 1]! + window[from]!
      sum[to + width - 2] = sum[to + width - 2]! + window[from + width + 1]!
    }
  }
}

/**
 * Mean and variance per channel from those of parts (Chan et al. 1979): exact where a sum of squares would lose its
 * digits.
 */
export class ChannelMoments {
  readonly mean: Float64Array
  readonly #squares: Float64Array
  #count = 0

  constructor(channels: number) {
    this.mean = new Float64Array(channels)
    this.#squares = new Float64Array(channels)
  }

  /** @param part 'mean' and 'squares' (summed squared differences from it) of `count` values per channel */
  add(part: Readonly<Record<string, Float32Array>>, count: number): void {
    const [mean, squares] = [part['mean']!, part['squares']!]
    const total = this.#count + count
    mean.forEach((value, c) => {
      const apart = value - this.mean[c]!
      this.#squares[c] = this.#squares[c]! + squares[c]! + (apart * apart * this.#count * count) / total
      this.mean[c] = this.mean[c]! + (apart * count) / total
    })
    this.#count = total
  }

  /** Biased. */
  variance(): Float64Array {
    return this.#squares.map((x) => x / this.#count)
  }
}
