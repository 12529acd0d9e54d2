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
    for (let x = 0; x < width; x++) {
      const k = 4 * (y * width + x)
      const weight = sums[k + 3]!
      const own = weight / (weight + SUPPORT)
      if (weight > 0) for (let c = 0; c < 3; c++) result[k + c] = (own * sums[k + c]!) / weight
      if (around && own < 0.995) addBetween(around, columns, rows, x / 2 - 0.25, y / 2 - 0.25, 1 - own, result, k)
      result[k + 3] = weight
    }
  }
  return result
}

/**
 * Adds `share` of the colours between the four texels around (x, y), texel centres at whole numbers, to `into` from
 * `at` on.
 */
function addBetween(
  colours: Float32Array,
  width: number,
  height: number,
  x: number,
  y: number,
  share: number,
  into: Float32Array,
  at: number,
): void {
  const [left, top] = [Math.floor(x), Math.floor(y)]
  for (let tap = 0; tap < 4; tap++) {
    const weight = share * (tap & 1 ? x - left : 1 - x + left) * (tap & 2 ? y - top : 1 - y + top)
    const column = Math.min(Math.max(left + (tap & 1), 0), width - 1)
    const k = 4 * (Math.min(Math.max(top + (tap >> 1), 0), height - 1) * width + column)
    for (let c = 0; c < 3; c++) into[at + c]! += weight * colours[k + c]!
  }
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
