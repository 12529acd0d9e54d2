import { resampleTaps, type ResampleFilter } from './resampleTaps.js'

/**
 * The rows of an upsampled plane, one at a time from the top: nothing of full size is kept but the few widened rows
 * that the kernel needs, each widened once.
 */
export class UpsampledRows {
  readonly #columns
  readonly #rows
  readonly #widened: Float32Array[]
  /** Which source row each of `widened` holds; -1: none yet. */
  readonly #held: Int32Array
  readonly #row: Float32Array

  /** @param source `[smallHeight * smallWidth]` */
  readonly #source: Float32Array
  readonly #smallWidth: number

  constructor(
    source: Float32Array,
    smallWidth: number,
    smallHeight: number,
    width: number,
    height: number,
    filter: ResampleFilter,
  ) {
    this.#source = source
    this.#smallWidth = smallWidth
    this.#columns = resampleTaps(smallWidth, width, filter, true)
    this.#rows = resampleTaps(smallHeight, height, filter, true)
    this.#widened = Array.from({ length: this.#rows.taps }, () => new Float32Array(width))
    this.#held = new Int32Array(this.#rows.taps).fill(-1)
    this.#row = new Float32Array(width)
  }

  /** Row `y` of the upsampled plane; overwritten by the next call. */
  at(y: number): Float32Array {
    const [row, rows] = [this.#row, this.#rows]
    for (let k = 0; k < rows.count[y]!; k++) {
      const weight = rows.weight[y * rows.taps + k]!
      const from = this.#widen(rows.start[y]! + k)
      if (k === 0) scale(row, weight, from)
      else if (weight !== 0) addScaled(row, weight, from)
    }
    return row
  }

  #widen(sourceRow: number): Float32Array {
    const slot = sourceRow % this.#widened.length
    const wide = this.#widened[slot]!
    if (this.#held[slot] === sourceRow) return wide
    this.#held[slot] = sourceRow
    const { start, count, weight, taps } = this.#columns
    const base = sourceRow * this.#smallWidth
    for (let x = 0; x < wide.length; x++) {
      const first = base + start[x]!
      let sum = 0
      for (let k = 0; k < count[x]!; k++) sum += weight[x * taps + k]! * this.#source[first + k]!
      wide[x] = sum
    }
    return wide
  }
}

// Small loops of their own: the engine compiles them once and keeps them fast.
function scale(row: Float32Array, weight: number, from: Float32Array): void {
  for (let x = 0; x < row.length; x++) row[x] = weight * from[x]!
}

function addScaled(row: Float32Array, weight: number, from: Float32Array): void {
  for (let x = 0; x < row.length; x++) row[x] = row[x]! + weight * from[x]!
}
