import { type GreyPlane, centralDifferences } from './greyPlane.js'

/** Side of a patch and the distance between patches, px. */
const PATCH = 8
const STRIDE = 4
const AREA = PATCH * PATCH
/** Gradient steps for one patch; it stops when the error grows. */
const STEPS = 12
/** Grey levels below which a pixel's misfit counts as noise when patches are mixed. */
const NOISE = 1

/**
 * Dense inverse search (Kroeger et al., Fast Optical Flow using Dense Inverse Search, 2016) at one level: patches of
 * `from` are found in `to` by inverse gradient descent, each from the flow given or from a neighbour's result where
 * that fits better, and mixed by how well they fit at every pixel. The flow is replaced in place.
 *
 * @param from, to pictures of one size, at least 8 px a side
 * @param flow two planes, dx then dy, px
 */
export function searchFlow(from: GreyPlane, to: GreyPlane, flow: Float32Array): void {
  const { width, height } = from
  const size = width * height
  const columns = Math.ceil((width - PATCH) / STRIDE) + 1
  const rows = Math.ceil((height - PATCH) / STRIDE) + 1
  const left = (column: number) => Math.min(column * STRIDE, width - PATCH)
  const top = (row: number) => Math.min(row * STRIDE, height - PATCH)
  const search = createPatchSearch(from, to)
  const patchU = new Float32Array(columns * rows)
  const patchV = new Float32Array(columns * rows)

  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const centre = (top(row) + PATCH / 2) * width + left(column) + PATCH / 2
      patchU[row * columns + column] = flow[centre]!
      patchV[row * columns + column] = flow[size + centre]!
    }
  }
  // Twice over the grid, there and back, so that a good match reaches the patches around it.
  for (const step of [1, -1]) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const row = step > 0 ? r : rows - 1 - r
        const column = step > 0 ? c : columns - 1 - c
        const k = row * columns + column
        search.at(left(column), top(row))
        search.propose(patchU[k]!, patchV[k]!)
        if (c > 0) search.propose(patchU[k - step]!, patchV[k - step]!)
        if (r > 0) search.propose(patchU[k - step * columns]!, patchV[k - step * columns]!)
        search.descend()
        patchU[k] = search.best.u
        patchV[k] = search.best.v
      }
    }
  }
  mixPatches(from, to, flow, columns, rows, left, top, patchU, patchV)
}

/** Finds one patch after the other. Errors are those of mean-free patches, so that a change of light does not count. */
function createPatchSearch(from: GreyPlane, to: GreyPlane) {
  const { width, height } = from
  const [gx, gy] = centralDifferences(from.data, width, height)
  const fetch = paddedFetch(to)
  const template = new Float32Array(AREA)
  const tx = new Float32Array(AREA)
  const ty = new Float32Array(AREA)
  const found = new Float32Array(AREA)
  const best = { u: 0, v: 0, error: Infinity }
  let x0 = 0
  let y0 = 0
  let i11 = 0
  let i12 = 0
  let i22 = 0

  const errorAt = (u: number, v: number): number => {
    fetch(x0 + u, y0 + v, found)
    let mean = 0
    for (let k = 0; k < AREA; k++) {
      const d = found[k]! - template[k]!
      found[k] = d
      mean += d
    }
    mean /= AREA
    let error = 0
    for (let k = 0; k < AREA; k++) {
      const d = found[k]! - mean
      found[k] = d
      error += d * d
    }
    return error
  }
  return {
    best,
    at(x: number, y: number): void {
      x0 = x
      y0 = y
      best.error = Infinity
      let sx = 0
      let sy = 0
      let h11 = 0
      let h12 = 0
      let h22 = 0
      for (let k = 0; k < AREA; k++) {
        const i = (y + (k >> 3)) * width + x + (k & 7)
        const a = gx[i]!
        const b = gy[i]!
        template[k] = from.data[i]!
        tx[k] = a
        ty[k] = b
        sx += a
        sy += b
        h11 += a * a
        h12 += a * b
        h22 += b * b
      }
      h11 -= (sx * sx) / AREA
      h12 -= (sx * sy) / AREA
      h22 -= (sy * sy) / AREA
      // Damped where the patch has texture in one direction only.
      const damping = 1e-3 * (h11 + h22) + AREA * 0.1
      h11 += damping
      h22 += damping
      const det = h11 * h22 - h12 * h12
      i11 = h22 / det
      i12 = -h12 / det
      i22 = h11 / det
    },
    propose(u: number, v: number): void {
      const error = errorAt(u, v)
      if (!(error < best.error)) return
      best.u = u
      best.v = v
      best.error = error
    },
    descend(): void {
      const startU = best.u
      const startV = best.v
      for (let step = 0; step < STEPS; step++) {
        errorAt(best.u, best.v)
        let p = 0
        let q = 0
        for (let k = 0; k < AREA; k++) {
          p += tx[k]! * found[k]!
          q += ty[k]! * found[k]!
        }
        const du = i11 * p + i12 * q
        const dv = i12 * p + i22 * q
        const u = best.u - du
        const v = best.v - dv
        // A patch that runs further than its own size has lost its way.
        if (Math.abs(u - startU) > PATCH || Math.abs(v - startV) > PATCH) break
        const error = errorAt(u, v)
        if (!(error < best.error)) break
        best.u = u
        best.v = v
        best.error = error
        if (du * du + dv * dv < 1e-4) break
      }
    },
  }
}

/** Fetches the patch at a fractional place (bilinear, the border repeated). */
function paddedFetch({ width, height, data }: GreyPlane) {
  const border = PATCH + 1
  const w = width + 2 * border
  const padded = new Float32Array(w * (height + 2 * border))
  for (let y = 0; y < height + 2 * border; y++) {
    const row = Math.min(Math.max(y - border, 0), height - 1) * width
    for (let x = 0; x < w; x++) padded[y * w + x] = data[row + Math.min(Math.max(x - border, 0), width - 1)]!
  }
  return (x: number, y: number, patch: Float32Array): void => {
    const px = Math.min(Math.max(x, -PATCH), width - 0.01) + border
    const py = Math.min(Math.max(y, -PATCH), height - 0.01) + border
    const column = px | 0
    const row = py | 0
    const fx = px - column
    const fy = py - row
    const w00 = (1 - fx) * (1 - fy)
    const w10 = fx * (1 - fy)
    const w01 = (1 - fx) * fy
    const w11 = fx * fy
    for (let r = 0, k = 0; r < PATCH; r++) {
      let i = (row + r) * w + column
      for (let c = 0; c < PATCH; c++, k++, i++) {
        patch[k] = w00 * padded[i]! + w10 * padded[i + 1]! + w01 * padded[i + w]! + w11 * padded[i + w + 1]!
      }
    }
  }
}

/** At each pixel the mean of the patches over it, each weighted by 1 / max(misfit there, noise). */
function mixPatches(
  from: GreyPlane,
  to: GreyPlane,
  flow: Float32Array,
  columns: number,
  rows: number,
  left: (column: number) => number,
  top: (row: number) => number,
  patchU: Float32Array,
  patchV: Float32Array,
): void {
  const { width, height } = from
  const size = width * height
  const total = new Float32Array(size)
  flow.fill(0)
  const fetch = paddedFetch(to)
  const found = new Float32Array(AREA)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const u = patchU[row * columns + column]!
      const v = patchV[row * columns + column]!
      const x = left(column)
      const y = top(row)
      fetch(x + u, y + v, found)
      for (let k = 0; k < AREA; k++) {
        const i = (y + (k >> 3)) * width + x + (k & 7)
        const weight = 1 / Math.max(NOISE, Math.abs(found[k]! - from.data[i]!))
        total[i] = total[i]! + weight
        flow[i] = flow[i]! + weight * u
        flow[size + i] = flow[size + i]! + weight * v
      }
    }
  }
  for (let i = 0; i < size; i++) {
    flow[i] = flow[i]! / total[i]!
    flow[size + i] = flow[size + i]! / total[i]!
  }
}
