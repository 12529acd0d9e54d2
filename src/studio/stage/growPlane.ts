import type { Slices } from './slices.js'
import type { Size } from './viewMatrix.js'

/** A plane of greys, row by row. */
export interface GreyPlane extends Size {
  readonly data: Uint8Array
}

/**
 * Gives each px the greatest value about it, in place: within an octagon of `radius` px, a disc to within a twelfth, or
 * for 1 and 2 the disc itself. What is outside the plane counts as 0; leave `radius` px of 0 around what shall grow.
 * The octagon is a square and a diamond one after the other, and these are running maxima along rows, columns and
 * diagonals (van Herk, Gil and Werman), so the time does not depend on the radius.
 * @param radius whole px, at least 1
 */
export async function growPlane(plane: GreyPlane, radius: number, slices: Slices): Promise<void> {
  if (radius <= 2) {
    for (let i = 0; i < radius; i++) await growCross(plane, slices)
    return
  }
  const { diagonal, straight } = octagonOf(radius)
  const { width, height } = plane
  const run = new RunningMax(plane.data, Math.max(width, height), slices)
  for (let y = 0; y < height; y++) await run.along(y * width, 1, width, straight)
  for (let x = 0; x < width; x++) await run.along(x, width, height, straight)
  if (diagonal === 0) return
  for (const step of [1, -1]) {
    // Diagonals begin in the first row, or at the side that they lead away from.
    const side = step === 1 ? 0 : width - 1
    const length = (x: number, y: number): number => Math.min(height - y, step === 1 ? width - x : x + 1)
    for (let x = 0; x < width; x++) await run.along(x, width + step, length(x, 0), diagonal)
    for (let y = 1; y < height; y++) await run.along(y * width + side, width + step, length(side, y), diagonal)
  }
}

/**
 * A square of `straight` px and a diamond of twice `diagonal` make the octagon; `straight` fills the diamond's gaps.
 */
function octagonOf(radius: number): { diagonal: number; straight: number } {
  const diagonal = Math.min(Math.round(radius * (1 - Math.SQRT1_2)), Math.floor((radius - 1) / 2))
  return { diagonal, straight: radius - 2 * diagonal }
}

class RunningMax {
  readonly #data: Uint8Array
  readonly #slices: Slices
  readonly #line: Uint8Array
  readonly #forth: Uint8Array
  readonly #back: Uint8Array

  constructor(data: Uint8Array, longest: number, slices: Slices) {
    this.#data = data
    this.#slices = slices
    const room = 3 * longest + 2
    this.#line = new Uint8Array(room)
    this.#forth = new Uint8Array(room)
    this.#back = new Uint8Array(room)
  }

  /** The maximum of the 2 * radius + 1 px about each of `length` px that begin at `start`, `step` from each other. */
  along(start: number, step: number, length: number, radius: number): Promise<void> | undefined {
    this.#maximum(start, step, length, Math.min(radius, length))
    return this.#slices.spent ? this.#slices.next() : undefined
  }

  #maximum(start: number, step: number, length: number, radius: number): void {
    const [data, line, forth, back] = [this.#data, this.#line, this.#forth, this.#back]
    let [some, all] = [0, 255]
    line.fill(0, 0, radius)
    for (let i = 0, at = start; i < length; i++, at += step) {
      const value = data[at]!
      line[radius + i] = value
      some |= value
      all &= value
    }
    if (some === 0 || all === 255) return
    line.fill(0, radius + length, length + 2 * radius)
    const window = 2 * radius + 1
    const end = length + 2 * radius
    // From the start of each block of a window's length on, and back from its end: any window is two such parts.
    for (let block = 0; block < end; block += window) {
      const last = Math.min(end, block + window) - 1
      let most = 0
      for (let i = block; i <= last; i++) {
        const value = line[i]!
        if (value > most) most = value
        forth[i] = most
      }
      most = 0
      for (let i = last; i >= block; i--) {
        const value = line[i]!
        if (value > most) most = value
        back[i] = most
      }
    }
    for (let i = 0, at = start; i < length; i++, at += step) {
      const [a, b] = [back[i]!, forth[i + window - 1]!]
      data[at] = a > b ? a : b
    }
  }
}

/** The greatest of each px and the four beside it. */
async function growCross({ width, height, data }: GreyPlane, slices: Slices): Promise<void> {
  let above = new Uint8Array(width)
  let row = new Uint8Array(width)
  for (let y = 0; y < height; y++) {
    const at = y * width
    row.set(data.subarray(at, at + width))
    for (let x = 0; x < width; x++) {
      let most = row[x]!
      if (above[x]! > most) most = above[x]!
      if (x > 0 && row[x - 1]! > most) most = row[x - 1]!
      if (x + 1 < width && row[x + 1]! > most) most = row[x + 1]!
      if (y + 1 < height && data[at + width + x]! > most) most = data[at + width + x]!
      data[at + x] = most
    }
    const free = above
    above = row
    row = free
    if (slices.spent) await slices.next()
  }
}
