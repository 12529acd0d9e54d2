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
export function sampleTexture(texture: Texture, x: number, y: number, into: Float32Array): void {
  const { width, height } = texture
  const px = Math.min(Math.max(x - 0.5, 0), width - 1)
  const py = Math.min(Math.max(y - 0.5, 0), height - 1)
  const column = Math.min(Math.floor(px), width - 2)
  const row = Math.min(Math.floor(py), height - 2)
  const k = 4 * (row * width + column)
  for (let c = 0; c < 3; c++) into[c] = between(texture, k + c, px - column, py - row)
}

/** One channel (x, y) texels from that at `k` of a texture's data, bilinear. */
export function between({ width, data }: Texture, k: number, x: number, y: number): number {
  const below = k + 4 * width
  const upper = data[k]! + x * (data[k + 4]! - data[k]!)
  return upper + y * (data[below]! + x * (data[below + 4]! - data[below]!) - upper)
}
