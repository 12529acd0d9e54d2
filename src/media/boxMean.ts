/**
 * Mean over the (2 radius + 1)-wide square window around each pixel, the window cut at the border.
 * Running sums: the cost does not depend on the radius.
 *
 * @param plane `[height * width]`
 */
export function boxMean(
  plane: Float32Array | Float64Array,
  width: number,
  height: number,
  radius: number,
): Float64Array {
  const rows = new Float64Array(width * height)
  for (let y = 0; y < height; y++) {
    const base = y * width
    let sum = 0
    for (let x = 0; x < Math.min(radius, width); x++) sum += plane[base + x]!
    for (let x = 0; x < width; x++) {
      if (x + radius < width) sum += plane[base + x + radius]!
      if (x - radius - 1 >= 0) sum -= plane[base + x - radius - 1]!
      rows[base + x] = sum / (Math.min(x + radius, width - 1) - Math.max(x - radius, 0) + 1)
    }
  }
  const out = new Float64Array(width * height)
  const sums = new Float64Array(width)
  for (let y = 0; y < Math.min(radius, height); y++) {
    for (let x = 0; x < width; x++) sums[x] = sums[x]! + rows[y * width + x]!
  }
  for (let y = 0; y < height; y++) {
    const count = Math.min(y + radius, height - 1) - Math.max(y - radius, 0) + 1
    const enters = y + radius < height ? (y + radius) * width : -1
    const leaves = y - radius - 1 >= 0 ? (y - radius - 1) * width : -1
    for (let x = 0; x < width; x++) {
      let sum = sums[x]!
      if (enters >= 0) sum += rows[enters + x]!
      if (leaves >= 0) sum -= rows[leaves + x]!
      sums[x] = sum
      out[y * width + x] = sum / count
    }
  }
  return out
}
