import type { Area } from './viewMatrix.js'

/** Side of a tile, px; those at the right and at the bottom may have less. */
export const tileSide = 256

/**
 * The px of a tile, row by row; or the one value that all of them have. Pixels of a tile are never changed in place.
 */
export type Tile = Uint8Array | number

/**
 * A grey plane in tiles: most of a mask is of one value, a stroke touches few tiles, and what came before is kept by
 * keeping the tiles that were replaced.
 */
export class MaskTiles {
  readonly width: number
  readonly height: number
  readonly columns: number
  readonly rows: number
  readonly #tiles: Tile[]

  /** All 0. */
  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.columns = Math.ceil(width / tileSide)
    this.rows = Math.ceil(height / tileSide)
    this.#tiles = new Array<Tile>(this.columns * this.rows).fill(0)
  }

  get count(): number {
    return this.#tiles.length
  }

  get(index: number): Tile {
    return this.#tiles[index]!
  }

  /** All of it as one plane. */
  read(): Uint8Array {
    const whole = { x: 0, y: 0, width: this.width, height: this.height }
    const plane = new Uint8Array(this.width * this.height)
    for (let i = 0; i < this.count; i++) this.copyInto(plane, whole, i)
    return plane
  }

  /** @returns what was there */
  replace(index: number, tile: Tile): Tile {
    const before = this.#tiles[index]!
    this.#tiles[index] = tile
    return before
  }

  areaOf(index: number): Area {
    const [x, y] = [(index % this.columns) * tileSide, Math.floor(index / this.columns) * tileSide]
    return { x, y, width: Math.min(tileSide, this.width - x), height: Math.min(tileSide, this.height - y) }
  }

  /** The tiles that an area touches. */
  within({ x, y, width, height }: Area): number[] {
    const along = (start: number, length: number, count: number): [number, number] => [
      Math.max(0, Math.floor(start / tileSide)),
      Math.min(count - 1, Math.floor((start + length - 1) / tileSide)),
    ]
    const [left, right] = along(x, width, this.columns)
    const [top, bottom] = along(y, height, this.rows)
    const indices: number[] = []
    for (let row = top; row <= bottom; row++)
      for (let column = left; column <= right; column++) indices.push(row * this.columns + column)
    return indices
  }

  /** A tile's px, to be changed: never those of the plane. */
  copyOf(index: number): Uint8Array {
    const tile = this.#tiles[index]!
    if (typeof tile !== 'number') return tile.slice()
    const { width, height } = this.areaOf(index)
    return new Uint8Array(width * height).fill(tile)
  }

  /** Copies a tile into a plane that begins at `x`, `y`, as far as it lies in it. */
  copyInto(plane: Uint8Array, { x, y, width, height }: Area, index: number, tile = this.#tiles[index]!): void {
    const area = this.areaOf(index)
    const [left, right] = [Math.max(x, area.x), Math.min(x + width, area.x + area.width)]
    const [top, bottom] = [Math.max(y, area.y), Math.min(y + height, area.y + area.height)]
    for (let row = top; row < bottom; row++) {
      const at = (row - y) * width + left - x
      if (typeof tile === 'number') plane.fill(tile, at, at + right - left)
      else {
        const from = (row - area.y) * area.width - area.x
        plane.set(tile.subarray(from + left, from + right), at)
      }
    }
  }

  /** A tile with the px of a plane that begins at `x`, `y`, as far as they go. */
  patched(index: number, plane: Uint8Array, { x, y, width, height }: Area): Tile {
    const area = this.areaOf(index)
    const [left, right] = [Math.max(x, area.x), Math.min(x + width, area.x + area.width)]
    const [top, bottom] = [Math.max(y, area.y), Math.min(y + height, area.y + area.height)]
    const whole = right - left === area.width && bottom - top === area.height
    const tile = whole ? new Uint8Array(area.width * area.height) : this.copyOf(index)
    for (let row = top; row < bottom; row++) {
      const from = (row - y) * width - x
      tile.set(plane.subarray(from + left, from + right), (row - area.y) * area.width + left - area.x)
    }
    return plain(tile)
  }
}

/** The one value of a tile that has only one. */
export function plain(tile: Uint8Array): Tile {
  const value = tile[0]!
  for (let i = 1; i < tile.length; i++) if (tile[i] !== value) return tile
  return value
}

export function sameTile(a: Tile, b: Tile): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
