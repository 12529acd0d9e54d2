import { type Lattice, controlCount, cubicWeights, sampleLattice } from './lattice.js'

/** Where a frame's points lie in the atlas, as far as they are known. */
export interface Places {
  /** Frame positions, px. */
  readonly x: Float32Array
  readonly y: Float32Array
  /** Atlas positions, px of the key frame. */
  readonly u: Float32Array
  readonly v: Float32Array
  /** Confidence, at least 0. */
  readonly weight: Float32Array
}

export interface FitLatticeOptions {
  readonly width: number
  readonly height: number
  readonly spacing: number
  /** Weight of the squared second differences of the control points; what no point says follows from it. */
  readonly bending: number
  /** Rounds of reweighting (Cauchy), each after a fit; 0: plain least squares. */
  readonly robustRounds: number
  /** Residual, px, at which a point counts half in the reweighting. */
  readonly robustScale: number
}

/**
 * The lattice nearest to the given places: weighted least squares with the bending energy of a thin plate, by a banded
 * Cholesky factorisation.
 */
export function fitLattice(
  places: Places,
  { width, height, spacing, bending, robustRounds, robustScale }: FitLatticeOptions,
): Lattice {
  const columns = controlCount(width, spacing)
  const rows = controlCount(height, spacing)
  const weight = Float32Array.from(places.weight)
  const total = weight.reduce((sum, w) => sum + w, 0) || 1
  let lattice: Lattice = { spacing, columns, rows, data: new Float32Array(2 * rows * columns) }
  for (let round = 0; ; round++) {
    const system = new NormalEquations(columns, rows, spacing)
    for (let k = 0; k < weight.length; k++) {
      if (weight[k]! > 0)
        system.addPoint(places.x[k]!, places.y[k]!, places.u[k]!, places.v[k]!, (weight[k]! * rows * columns) / total)
    }
    system.addBending(bending)
    lattice = { ...lattice, data: system.solve() }
    if (round === robustRounds) return lattice
    for (let k = 0; k < weight.length; k++) {
      if (!(places.weight[k]! > 0)) continue
      const [u, v] = sampleLattice(lattice, places.x[k]!, places.y[k]!)
      const square = ((u - places.u[k]!) ** 2 + (v - places.v[k]!) ** 2) / robustScale ** 2
      weight[k] = places.weight[k]! / (1 + square)
    }
  }
}

/** A^T W A and A^T W b of a lattice; the matrix is symmetric and banded, row k holds its entries k .. k + band. */
class NormalEquations {
  readonly #band: number
  readonly #matrix: Float64Array
  readonly #right: Float64Array
  readonly #unknowns: number
  readonly #basis = new Float64Array(16)
  readonly #columns: number
  readonly #rows: number
  readonly #spacing: number

  constructor(columns: number, rows: number, spacing: number) {
    this.#columns = columns
    this.#rows = rows
    this.#spacing = spacing
    this.#unknowns = columns * rows
    this.#band = 3 * columns + 4
    this.#matrix = new Float64Array(this.#unknowns * this.#band)
    this.#right = new Float64Array(2 * this.#unknowns)
  }

  /** Fills `basis` for a position and gives the first control point of its 4x4. */
  #taps(x: number, y: number): number {
    const cell = (position: number, count: number) => {
      const at = Math.min(Math.max(position / this.#spacing, 0), count - 3)
      const first = Math.min(Math.floor(at), count - 4)
      return [first, at - first] as const
    }
    const [i, s] = cell(x, this.#columns)
    const [j, t] = cell(y, this.#rows)
    const across = cubicWeights(s)
    const down = cubicWeights(t)
    for (let b = 0; b < 4; b++) for (let a = 0; a < 4; a++) this.#basis[4 * b + a] = down[b]! * across[a]!
    return j * this.#columns + i
  }

  addPoint(x: number, y: number, u: number, v: number, weight: number): void {
    const first = this.#taps(x, y)
    for (let p = 0; p < 16; p++) {
      const row = first + (p >> 2) * this.#columns + (p & 3)
      const w = weight * this.#basis[p]!
      for (let q = p; q < 16; q++) {
        const column = first + (q >> 2) * this.#columns + (q & 3)
        this.#matrix[row * this.#band + column - row]! += w * this.#basis[q]!
      }
      this.#right[row]! += w * u
      this.#right[this.#unknowns + row]! += w * v
    }
  }

  /** Squared second differences along x, along y and mixed (twice). */
  addBending(weight: number): void {
    const [columns, rows] = [this.#columns, this.#rows]
    const add = (points: readonly number[], factors: readonly number[], w: number) => {
      points.forEach((p, a) =>
        points.forEach((q, b) => {
          if (q >= p) this.#matrix[p * this.#band + q - p]! += w * factors[a]! * factors[b]!
        }),
      )
    }
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) {
        const k = j * columns + i
        if (i > 0 && i < columns - 1) add([k - 1, k, k + 1], [1, -2, 1], weight)
        if (j > 0 && j < rows - 1) add([k - columns, k, k + columns], [1, -2, 1], weight)
        if (i < columns - 1 && j < rows - 1) add([k, k + 1, k + columns, k + columns + 1], [1, -1, -1, 1], 2 * weight)
      }
    }
    // Where fewer than three points are known nothing else would hold the plane.
    for (let k = 0; k < this.#unknowns; k++) this.#matrix[k * this.#band]! += 1e-9
  }

  /** Both planes of control points: Cholesky in place, then two substitutions. */
  solve(): Float32Array {
    const [matrix, band, unknowns, right] = [this.#matrix, this.#band, this.#unknowns, this.#right]
    for (let k = 0; k < unknowns; k++) {
      const pivot = Math.sqrt(matrix[k * band]!)
      const reach = Math.min(band, unknowns - k)
      for (let i = 0; i < reach; i++) matrix[k * band + i]! /= pivot
      for (let i = 1; i < reach; i++) {
        const factor = matrix[k * band + i]!
        if (factor === 0) continue
        const row = (k + i) * band
        for (let j = i; j < reach; j++) matrix[row + j - i]! -= factor * matrix[k * band + j]!
      }
    }
    for (let plane = 0; plane < 2; plane++) {
      const b = right.subarray(plane * unknowns, (plane + 1) * unknowns)
      for (let k = 0; k < unknowns; k++) {
        b[k]! /= matrix[k * band]!
        const reach = Math.min(band, unknowns - k)
        for (let i = 1; i < reach; i++) b[k + i]! -= matrix[k * band + i]! * b[k]!
      }
      for (let k = unknowns - 1; k >= 0; k--) {
        const reach = Math.min(band, unknowns - k)
        let sum = b[k]!
        for (let i = 1; i < reach; i++) sum -= matrix[k * band + i]! * b[k + i]!
        b[k] = sum / matrix[k * band]!
      }
    }
    return Float32Array.from(right)
  }
}
