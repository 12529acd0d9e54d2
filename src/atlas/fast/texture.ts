/** The atlas image of a layer while it is fitted: a window of the atlas plane. */
export interface Texture {
  /** Where its pixel (0, 0) begins, px of the key frame. */
  readonly origin: readonly [number, number]
  /** Its pixels to a px of the key frame. */
  readonly scale: number
  readonly width: number
  readonly height: number
  /** RGB and a fourth number for the solver, interleaved: `4 * height * width`. */
  readonly data: Float32Array
}

/** Colour of `texture` at (x, y) in its own pixels, bilinear, the border repeated; written to `into[0..2]`. */
export function sampleTexture({ width, height, data }: Texture, x: number, y: number, into: Float32Array): void {
  const px = Math.min(Math.max(x - 0.5, 0), width - 1)
  const py = Math.min(Math.max(y - 0.5, 0), height - 1)
  const column = Math.min(Math.floor(px), width - 2)
  const row = Math.min(Math.floor(py), height - 2)
  const fx = px - column
  const fy = py - row
  const k = 4 * (row * width + column)
  const below = k + 4 * width
  for (let c = 0; c < 3; c++) {
    const upper = data[k + c]! + fx * (data[k + 4 + c]! - data[k + c]!)
    const lower = data[below + c]! + fx * (data[below + 4 + c]! - data[below + c]!)
    into[c] = upper + fy * (lower - upper)
  }
}
