/** A frame cut into small regions of one colour each. */
export interface Superpixels {
  readonly count: number
  /** The region of every pixel, 0 to count - 1. */
  readonly labels: Int32Array
}

/**
 * How many grey levels of L*a*b* count as much as one spacing of the grid: low follows edges, high makes compact
 * regions.
 */
const COMPACTNESS = 8
const ITERATIONS = 5

/**
 * Simple linear iterative clustering (Achanta et al., SLIC Superpixels, 2012): local k-means on colour and place,
 * started from a grid. Every region is connected.
 *
 * @param lab three planes of `labPlanes`
 * @param spacing of the grid, px, at least 2
 */
export function superpixels(lab: Float32Array, width: number, height: number, spacing: number): Superpixels {
  const size = width * height
  const columns = Math.max(1, Math.round(width / spacing))
  const rows = Math.max(1, Math.round(height / spacing))
  const count = columns * rows
  // Five planes of centres: L, a, b, x, y.
  const centres = new Float64Array(5 * count)
  for (let k = 0; k < count; k++) {
    const x = Math.floor((((k % columns) + 0.5) * width) / columns)
    const y = Math.floor(((Math.floor(k / columns) + 0.5) * height) / rows)
    for (let c = 0; c < 3; c++) centres[c * count + k] = lab[c * size + y * width + x]!
    centres[3 * count + k] = x
    centres[4 * count + k] = y
  }
  const labels = new Int32Array(size)
  const nearest = new Float32Array(size)
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    assign(lab, width, height, spacing, centres, labels, nearest)
    moveCentres(lab, width, height, centres, labels)
  }
  return connected(labels, width, height, (spacing * spacing) / 4)
}

/** Each pixel to the nearest of the centres whose window, two spacings wide, it lies in. */
function assign(
  lab: Float32Array,
  width: number,
  height: number,
  spacing: number,
  centres: Float64Array,
  labels: Int32Array,
  nearest: Float32Array,
): void {
  const size = width * height
  const count = centres.length / 5
  const place = (COMPACTNESS / spacing) ** 2
  nearest.fill(Infinity)
  for (let k = 0; k < count; k++) {
    const l = centres[k]!
    const a = centres[count + k]!
    const b = centres[2 * count + k]!
    const cx = centres[3 * count + k]!
    const cy = centres[4 * count + k]!
    const right = Math.min(width - 1, Math.floor(cx + spacing))
    const bottom = Math.min(height - 1, Math.floor(cy + spacing))
    for (let y = Math.max(0, Math.ceil(cy - spacing)); y <= bottom; y++) {
      for (let x = Math.max(0, Math.ceil(cx - spacing)); x <= right; x++) {
        const i = y * width + x
        const dl = lab[i]! - l
        const da = lab[size + i]! - a
        const db = lab[2 * size + i]! - b
        const distance = dl * dl + da * da + db * db + place * ((x - cx) * (x - cx) + (y - cy) * (y - cy))
        if (distance < nearest[i]!) {
          nearest[i] = distance
          labels[i] = k
        }
      }
    }
  }
}

function moveCentres(
  lab: Float32Array,
  width: number,
  height: number,
  centres: Float64Array,
  labels: Int32Array,
): void {
  const size = width * height
  const count = centres.length / 5
  const sums = new Float64Array(centres.length)
  const members = new Int32Array(count)
  for (let i = 0; i < size; i++) {
    const k = labels[i]!
    members[k]!++
    for (let c = 0; c < 3; c++) sums[c * count + k]! += lab[c * size + i]!
    sums[3 * count + k]! += i % width
    sums[4 * count + k]! += Math.floor(i / width)
  }
  for (let k = 0; k < count; k++) {
    if (members[k]! === 0) continue
    for (let c = 0; c < 5; c++) centres[c * count + k] = sums[c * count + k]! / members[k]!
  }
}

/** Every connected piece becomes a region of its own, pieces below the least area join the region found before them. */
function connected(labels: Int32Array, width: number, height: number, least: number): Superpixels {
  const result = new Int32Array(labels.length).fill(-1)
  const stack: number[] = []
  let count = 0
  for (let start = 0; start < labels.length; start++) {
    if (result[start]! >= 0) continue
    const label = labels[start]!
    // The pixel to the left, or above, has its region already.
    const before = start % width > 0 ? result[start - 1]! : start >= width ? result[start - width]! : -1
    const piece = [start]
    result[start] = count
    stack.push(start)
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      const x = i % width
      for (const next of [x > 0 ? i - 1 : -1, x < width - 1 ? i + 1 : -1, i - width, i + width]) {
        if (next < 0 || next >= labels.length || result[next]! >= 0 || labels[next] !== label) continue
        result[next] = count
        piece.push(next)
        stack.push(next)
      }
    }
    if (piece.length < least && before >= 0) for (const i of piece) result[i] = before
    else count++
  }
  return { count, labels: result }
}
