/**
 * How position embeddings follow the token grid of an image that is not square: `reference` as published, with the two
 * axes exchanged (token k gets the embedding of row floor(k/h), column k mod h of a w x h grid); `fixed` row by row, as
 * DINO does. Square images are the same in both.
 */
export type PositionMode = 'reference' | 'fixed'

/**
 * Bicubic interpolation (A = -0.75, no aligned corners, edges repeated) of a `side` x `side` grid to `rows` x
 * `columns`, as a row-major matrix [rows * columns, side * side]. The scale is (n + 0.1) / side, as in DINO and the
 * published code, not n / side.
 */
export function positionInterpolation(side: number, rows: number, columns: number): Float32Array {
  const vertical = bicubicTaps(side, rows)
  const horizontal = bicubicTaps(side, columns)
  const matrix = new Float32Array(rows * columns * side * side)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = (row * columns + column) * side * side
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) matrix[at + y * side + x] = vertical[row]![y]! * horizontal[column]![x]!
      }
    }
  }
  return matrix
}

/** One row of `side` weights for each of `count` output positions. */
function bicubicTaps(side: number, count: number): number[][] {
  const scale = (count + 0.1) / side
  return Array.from({ length: count }, (_, o) => {
    const taps = new Array<number>(side).fill(0)
    const source = (o + 0.5) / scale - 0.5
    const first = Math.floor(source) - 1
    for (let i = first; i < first + 4; i++) taps[Math.min(Math.max(i, 0), side - 1)]! += bicubic(Math.abs(source - i))
    return taps
  })
}

/** Keys' cubic convolution kernel with A = -0.75. */
function bicubic(x: number): number {
  const a = -0.75
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}
