/**
 * One row per output pixel, one column per input pixel: bilinear, half-pixel centres, clamped to the crop [start, start
 * + length).
 */
export function linearMatrix(size: number, start: number, length: number, out: number): Float32Array {
  const matrix = new Float32Array(out * size)
  for (let o = 0; o < out; o++) {
    const source = Math.max((o + 0.5) * (length / out) - 0.5, 0)
    const low = Math.min(Math.floor(source), length - 1)
    const fraction = source - low
    matrix[o * size + start + low]! += 1 - fraction
    matrix[o * size + start + Math.min(low + 1, length - 1)]! += fraction
  }
  return matrix
}

/**
 * The same for the bicubic resize of position embeddings: A = -0.75, source = (o + 1/2) size / (out + 0.1) -
 * 1/2.
 */
export function bicubicMatrix(size: number, out: number): Float32Array {
  const matrix = new Float32Array(out * size)
  for (let o = 0; o < out; o++) {
    const source = (o + 0.5) * (size / (out + 0.1)) - 0.5
    const low = Math.floor(source)
    for (let tap = low - 1; tap <= low + 2; tap++) {
      matrix[o * size + Math.min(Math.max(tap, 0), size - 1)]! += cubic(Math.abs(source - tap))
    }
  }
  return matrix
}

function cubic(d: number): number {
  const a = -0.75
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
}
