import type { Mapping } from '../layeredAtlas.js'

/**
 * A mapping of a frame as a uniform cubic B-spline surface: control point (i, j) belongs to frame position ((i - 1)
 * spacing, (j - 1) spacing) and holds a position in the atlas, in px of the key frame. The surface reproduces affine
 * mappings exactly.
 */
export interface Lattice {
  readonly spacing: number
  readonly columns: number
  readonly rows: number
  /** Two planes, x then y, each `rows * columns`. */
  readonly data: Float32Array
}

/**
 * Positions along one axis with the four control points that each depends on: `first[k]` to `first[k] + 3`, weights at
 * `4 k`.
 */
export interface SplineAxis {
  /** Control points of the axis. */
  readonly count: number
  readonly first: Int32Array
  readonly weights: Float32Array
}

/** Control points along an axis of `length` px. */
export function controlCount(length: number, spacing: number): number {
  return Math.ceil(length / spacing) + 3
}

/** The lattice that maps every position (x, y) to `place(x, y)`; exact where `place` is affine. */
export function latticeOf(
  size: { width: number; height: number },
  spacing: number,
  place: (x: number, y: number) => readonly [number, number],
): Lattice {
  const columns = controlCount(size.width, spacing)
  const rows = controlCount(size.height, spacing)
  const data = new Float32Array(2 * rows * columns)
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const [u, v] = place((i - 1) * spacing, (j - 1) * spacing)
      data[j * columns + i] = u
      data[(rows + j) * columns + i] = v
    }
  }
  return { spacing, columns, rows, data }
}

/**
 * The taps of the given positions (px, held inside [0, length]); `derivative`: of the slope instead of the value, per
 * px.
 */
export function splineAxis(
  positions: ArrayLike<number>,
  length: number,
  spacing: number,
  derivative = false,
): SplineAxis {
  const count = controlCount(length, spacing)
  const first = new Int32Array(positions.length)
  const weights = new Float32Array(4 * positions.length)
  for (let k = 0; k < positions.length; k++) {
    const at = Math.min(Math.max(positions[k]!, 0), length) / spacing
    const cell = Math.min(Math.floor(at), count - 4)
    first[k] = cell
    weights.set(derivative ? slopes(at - cell, spacing) : cubicWeights(at - cell), 4 * k)
  }
  return { count, first, weights }
}

/** The cubic B-spline at `t` in [0, 1] of a cell: what each of its four control points counts. */
export function cubicWeights(t: number): readonly [number, number, number, number] {
  const s = 1 - t
  return [(s * s * s) / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * s * s * s - 6 * s * s + 4) / 6, (t * t * t) / 6]
}

function slopes(t: number, spacing: number): readonly number[] {
  const s = 1 - t
  return [(-s * s) / 2, (3 * t * t - 4 * t) / 2, -(3 * s * s - 4 * s) / 2, (t * t) / 2].map((x) => x / spacing)
}

/** The taps of an axis as a matrix [positions, count], row-major. */
export function axisMatrix({ count, first, weights }: SplineAxis): Float32Array {
  const matrix = new Float32Array(first.length * count)
  first.forEach((cell, k) => matrix.set(weights.subarray(4 * k, 4 * k + 4), k * count + cell))
  return matrix
}

/** The surface at every pair of positions of two axes: two planes [y, x] of atlas positions. */
export function evaluateLattice({ data, columns, rows }: Lattice, x: SplineAxis, y: SplineAxis): Float32Array {
  const { first, weights } = x
  const width = first.length
  const height = y.first.length
  const result = new Float32Array(2 * width * height)
  const line = new Float64Array(columns)
  for (let plane = 0; plane < 2; plane++) {
    for (let j = 0; j < height; j++) {
      const from = (plane * rows + y.first[j]!) * columns
      const a = y.weights[4 * j]!
      const b = y.weights[4 * j + 1]!
      const c = y.weights[4 * j + 2]!
      const d = y.weights[4 * j + 3]!
      for (let i = 0; i < columns; i++) {
        const k = from + i
        line[i] = a * data[k]! + b * data[k + columns]! + c * data[k + 2 * columns]! + d * data[k + 3 * columns]!
      }
      const to = (plane * height + j) * width
      for (let i = 0; i < width; i++) {
        const k = first[i]!
        const w = 4 * i
        result[to + i] =
          weights[w]! * line[k]! +
          weights[w + 1]! * line[k + 1]! +
          weights[w + 2]! * line[k + 2]! +
          weights[w + 3]! * line[k + 3]!
      }
    }
  }
  return result
}

/** Where `lattice` sends one position of a frame, px; positions outside the frame count as the nearest inside. */
export function sampleLattice({ columns, rows, data, spacing }: Lattice, x: number, y: number): [number, number] {
  const across = Math.min(Math.max(x / spacing, 0), columns - 3)
  const down = Math.min(Math.max(y / spacing, 0), rows - 3)
  const column = Math.min(Math.floor(across), columns - 4)
  const row = Math.min(Math.floor(down), rows - 4)
  const [a, b, c, d] = cubicWeights(across - column)
  const weights = cubicWeights(down - row)
  let u = 0
  let v = 0
  for (let j = 0; j < 4; j++) {
    const k = (row + j) * columns + column
    const l = rows * columns + k
    const w = weights[j]!
    u += w * (a * data[k]! + b * data[k + 1]! + c * data[k + 2]! + d * data[k + 3]!)
    v += w * (a * data[l]! + b * data[l + 1]! + c * data[l + 2]! + d * data[l + 3]!)
  }
  return [u, v]
}

/** The same surface on a lattice of half the spacing (subdivision, exact). */
export function refineLattice(lattice: Lattice, size: { width: number; height: number }): Lattice {
  const spacing = lattice.spacing / 2
  const columns = controlCount(size.width, spacing)
  const rows = controlCount(size.height, spacing)
  const wide = subdivide(lattice.data, 2 * lattice.rows, lattice.columns, 1, columns)
  // Rows of one plane are `columns` apart; the planes are treated one by one.
  const data = new Float32Array(2 * rows * columns)
  for (let plane = 0; plane < 2; plane++) {
    const part = wide.subarray(plane * lattice.rows * columns, (plane + 1) * lattice.rows * columns)
    data.set(subdivide(part, columns, lattice.rows, columns, rows), plane * rows * columns)
  }
  return { spacing, columns, rows, data }
}

/**
 * Subdivides `lines` lines of `count` control points that lie `stride` apart (1: consecutive lines; else interleaved,
 * line k beginning at k) to `fine` points. Fine point k lies at coarse position (k + 1) / 2: between two points for
 * even k, on a point for odd k.
 */
function subdivide(data: Float32Array, lines: number, count: number, stride: number, fine: number): Float32Array {
  const result = new Float32Array(lines * fine)
  for (let line = 0; line < lines; line++) {
    const from = stride === 1 ? line * count : line
    const to = stride === 1 ? line * fine : line
    const at = (i: number) => data[from + i * stride]!
    for (let k = 0; k < fine; k++) {
      const i = k >> 1
      result[to + k * stride] = k % 2 === 0 ? (at(i) + at(i + 1)) / 2 : (at(i) + 6 * at(i + 1) + at(i + 2)) / 8
    }
  }
  return result
}

/** The centres of `count` pixels, each `size` px wide, from pixel `start` on. */
export function pixelCentres(count: number, size = 1, start = 0): Float32Array {
  return new Float32Array(count).map((_, i) => (start + i + 0.5) * size)
}

/**
 * The dense mapping of a frame, in pixels of an atlas image whose pixel (0, 0) begins at `origin`, `scale` of them to a
 * px of the key frame.
 */
export function denseMapping(
  lattice: Lattice,
  { width, height }: { width: number; height: number },
  origin: readonly [number, number],
  scale: number,
): Mapping {
  const data = evaluateLattice(
    lattice,
    splineAxis(pixelCentres(width), width, lattice.spacing),
    splineAxis(pixelCentres(height), height, lattice.spacing),
  )
  const plane = width * height
  for (let i = 0; i < 2 * plane; i++) data[i] = (data[i]! - origin[i < plane ? 0 : 1]) * scale
  return { width, height, data }
}
