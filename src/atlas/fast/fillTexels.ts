/** Pixels that show a texel (summed bilinear weights) at which its own colour counts as much as its surroundings. */
const SUPPORT = 0.2
/**
 * Halvings: what is more than some 2^3 texels from anything shown is black, as the sparsity loss of layered neural
 * atlases leaves it.
 */
const LEVELS = 3

/**
 * Colours of all texels from those that frames show (push-pull): a texel with little support takes the weighted mean of
 * ever larger blocks around it, interpolated. Without it a magnified part of a texture, whose texels are seen here and
 * there, would be hatched with holes.
 *
 * @param sums `4 * width * height`, interleaved: RGB times weight, and the weight
 * @returns interleaved like `sums`: RGB, and the weight as it was
 */
export function fillTexels(sums: Float32Array, width: number, height: number, levels = LEVELS): Float32Array {
  const result = new Float32Array(sums.length)
  const [columns, rows] = [Math.ceil(width / 2), Math.ceil(height / 2)]
  const around = levels > 0 ? fillTexels(halved(sums, width, height), columns, rows, levels - 1) : null
  for (let y = 0; y < height; y++) {
    // A texel's centre is a quarter of the larger texels from that of the one that it is in.
    const above = 4 * columns * Math.max((y - 1) >> 1, 0)
    const below = 4 * columns * Math.min((y + 1) >> 1, rows - 1)
    const down = y % 2 === 0 ? 0.75 : 0.25
    for (let x = 0; x < width; x++) {
      const k = 4 * (y * width + x)
      const weight = sums[k + 3]!
      const own = weight / (weight + SUPPORT)
      const each = weight > 0 ? own / weight : 0
      result[k + 3] = weight
      if (around === null || own >= 0.995) {
        for (let c = 0; c < 3; c++) result[k + c] = each * sums[k + c]!
        continue
      }
      const left = 4 * Math.max((x - 1) >> 1, 0)
      const right = 4 * Math.min((x + 1) >> 1, columns - 1)
      const across = x % 2 === 0 ? 0.75 : 0.25
      const high = (1 - own) * (1 - down)
      const low = (1 - own) * down
      for (let c = 0; c < 3; c++) {
        result[k + c] =
          each * sums[k + c]! +
          high * ((1 - across) * around[above + left + c]! + across * around[above + right + c]!) +
          low * ((1 - across) * around[below + left + c]! + across * around[below + right + c]!)
      }
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
      result[to]! += sums[from]!
      result[to + 1]! += sums[from + 1]!
      result[to + 2]! += sums[from + 2]!
      result[to + 3]! += sums[from + 3]!
    }
  }
  return result
}
