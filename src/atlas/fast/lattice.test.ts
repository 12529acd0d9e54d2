import { describe, expect, it } from 'vitest'
import { randomStream } from '../../engine/random.js'
import { fitLattice } from './fitLattice.js'
import {
  type Lattice,
  denseMapping,
  evaluateLattice,
  latticeOf,
  pixelCentres,
  refineLattice,
  sampleLattice,
  splineAxis,
} from './lattice.js'

const size = { width: 50, height: 37 }
const affine = (x: number, y: number): [number, number] => [1.2 * x - 0.3 * y + 4, 0.2 * x + 0.9 * y - 7]

function wavy(spacing: number): Lattice {
  const draw = randomStream(3, 'lattice')
  return latticeOf(size, spacing, (x, y) => affine(x, y).map((u) => u + draw.uniform(-3, 3)) as [number, number])
}

const dense = (lattice: Lattice) =>
  evaluateLattice(
    lattice,
    splineAxis(pixelCentres(size.width), size.width, lattice.spacing),
    splineAxis(pixelCentres(size.height), size.height, lattice.spacing),
  )

describe('Lattice', () => {
  it('holds an affine mapping exactly, at pixel centres', () => {
    const { data } = denseMapping(latticeOf(size, 16, affine), size, [1, 2], 2)
    for (const [x, y] of [
      [0, 0],
      [49, 36],
      [20, 11],
    ] as const) {
      const [u, v] = affine(x + 0.5, y + 0.5)
      expect(data[y * 50 + x]).toBeCloseTo((u - 1) * 2, 4)
      expect(data[(37 + y) * 50 + x]).toBeCloseTo((v - 2) * 2, 4)
    }
  })

  it('keeps its surface when it is refined', () => {
    const coarse = wavy(16)
    const fine = refineLattice(coarse, size)
    expect(fine).toMatchObject({ spacing: 8, columns: 10, rows: 8 })
    const [a, b] = [dense(coarse), dense(fine)]
    expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeLessThan(1e-4)
  })

  it('gives single positions as it gives planes', () => {
    const lattice = wavy(8)
    const plane = dense(lattice)
    const [u, v] = sampleLattice(lattice, 31.5, 12.5)
    expect(u).toBeCloseTo(plane[12 * 50 + 31]!, 4)
    expect(v).toBeCloseTo(plane[(37 + 12) * 50 + 31]!, 4)
  })
})

describe('fitLattice', () => {
  const options = { ...size, spacing: 8, bending: 1e-3, robustRounds: 2, robustScale: 1 }
  const draw = randomStream(5, 'places')
  const n = 120
  const x = Float32Array.from({ length: n }, () => draw.uniform(5, 45))
  const y = Float32Array.from({ length: n }, () => draw.uniform(5, 30))
  const places = (outliers: number) => {
    const at = Array.from(x, (_, k) => affine(x[k]!, y[k]!))
    const miss = (k: number) => (k < outliers ? 25 : 0)
    return {
      x,
      y,
      u: Float32Array.from(at, ([u], k) => u + miss(k)),
      v: Float32Array.from(at, ([, v]) => v),
      weight: new Float32Array(n).fill(0.5),
    }
  }

  it.each([
    [0, 0.01],
    [12, 0.2],
  ])('finds an affine mapping among %i outliers, also where nothing is known', (outliers, tolerance) => {
    const lattice = fitLattice(places(outliers), options)
    for (const [px, py] of [
      [25, 20],
      [1, 1],
      [49, 36],
    ] as const) {
      const [u, v] = sampleLattice(lattice, px, py)
      const [eu, ev] = affine(px, py)
      expect(Math.hypot(u - eu, v - ev)).toBeLessThan(tolerance)
    }
  })

  it('stays finite when nothing is known', () => {
    const lattice = fitLattice({ ...places(0), weight: new Float32Array(n) }, options)
    expect(lattice.data.every(Number.isFinite)).toBe(true)
  })
})
