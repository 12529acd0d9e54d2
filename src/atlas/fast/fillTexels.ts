/** Pixels that show a texel (summed bilinear weights) at which its own colour counts as much as its surroundings. */
const SUPPORT = 0.2
/** Halvings: what is more than 2^5 texels from anything shown is black, as the sparsity loss of layered neural atlases leaves it. */
const LEVELS = 5

/**
 * Colours of all texels from those that frames show (push-pull): a texel with little support takes the weighted mean of ever larger blocks around it.
 * Without it a magnified part of a texture, whose texels are seen here and there, would be hatched with holes.
 *
 * @param sums `4 * width * height`, interleaved: RGB times weight, and the weight
 * @returns interleaved like `sums`: RGB, and the weight as it was
 */
export function fillTexels(sums: Float32Array, width: number, height: number, levels = LEVELS): Float32Array {
  const result = new Float32Array(sums.length)
  const columns = Math.ceil(width / 2)
  const around = levels > 0 ? fillTexels(halved(sums, width, height), columns, Math.ceil(height / 2), levels - 1) : null
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const k = 4 * (y * width + x)
      const weight = sums[k + 3]!
      const own = weight / (weight + SUPPORT)
      const above = 4 * ((y >> 1) * columns + (x >> 1))
      for (let c = 0; c < 3; c++) {
        result[k + c] = (weight > 0 ? own * sums[k + c]! / weight : 0) + (around ? (1 - own) * around[above + c]! : 0)
      }
      result[k + 3] = weight
    }
  }
  return result
}

/** Sums over blocks of 2x2. */
function halved(sums: Float32Array, width: number, height: number): Float32Array {
  const columns = Math.ceil(width / 2)
  const result = new Float32Array(4 * columns * Math.ceil(height / 2))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 4 * (y * width + x)
      const to = 4 * ((y >> 1) * columns + (x >> 1))
      for (let c = 0; c < 4; c++) result[to + c]! += sums[from + c]!
    }
  }
  return result
}
