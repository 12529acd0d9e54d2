import { deflateSync, inflateSync } from 'fflate'
import { Slices } from './slices.js'
import type { Tile } from './maskTiles.js'

/** A tile's px, packed; `length` of them. */
interface PackedTile {
  readonly packed: Uint8Array
  readonly length: number
}

/** The tiles that a change replaced, by index. */
type Change = Map<number, Tile | PackedTile>

/** The changes nearest to the present stay as they are, up to this many bytes; those farther off are packed. */
const plainBytes = 32 * 2 ** 20

/** All changes there were, to be undone and done again without end: only tiles that changed are kept. */
export class MaskHistory {
  readonly #past: Change[] = []
  readonly #future: Change[] = []
  #packing = false

  get canUndo(): boolean {
    return this.#past.length > 0
  }

  get canRedo(): boolean {
    return this.#future.length > 0
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return [...this.#past, ...this.#future].reduce((sum, change) => sum + bytesOf(change), 0)
  }

  /** @param before the tiles that were replaced */
  add(before: Map<number, Tile>): void {
    this.#future.length = 0
    this.#past.push(before)
    void this.#pack()
  }

  /**
   * @param swap puts tiles in their places and gives those that were there
   * @returns whether there was something
   */
  undo(swap: (tiles: Map<number, Tile>) => Map<number, Tile>): boolean {
    return this.#move(this.#past, this.#future, swap)
  }

  redo(swap: (tiles: Map<number, Tile>) => Map<number, Tile>): boolean {
    return this.#move(this.#future, this.#past, swap)
  }

  #move(from: Change[], to: Change[], swap: (tiles: Map<number, Tile>) => Map<number, Tile>): boolean {
    const change = from.pop()
    if (change === undefined) return false
    const tiles = new Map<number, Tile>()
    for (const [index, tile] of change) tiles.set(index, unpacked(tile))
    to.push(swap(tiles))
    void this.#pack()
    return true
  }

  /** Packs what lies far off, a slice at a time, beside whatever the page does. */
  async #pack(): Promise<void> {
    if (this.#packing) return
    this.#packing = true
    const slices = new Slices(4)
    await slices.next()
    for (let change = this.#farPlain(); change !== undefined; change = this.#farPlain()) {
      for (const [index, tile] of change) {
        if (!(tile instanceof Uint8Array)) continue
        if (slices.spent) await slices.next()
        // It may have been undone meanwhile: packing it then changes nothing that is used.
        change.set(index, { packed: deflateSync(tile, { level: 1 }), length: tile.length })
      }
    }
    this.#packing = false
  }

  #farPlain(): Change | undefined {
    for (const changes of [this.#past, this.#future]) {
      let bytes = 0
      for (let i = changes.length - 1; i >= 0; i--) {
        const change = changes[i]!
        const holds = plainBytesOf(change)
        bytes += holds
        if (bytes > plainBytes && holds > 0) return change
      }
    }
    return undefined
  }
}

const unpacked = (tile: Tile | PackedTile): Tile =>
  typeof tile === 'object' && 'packed' in tile ? inflateSync(tile.packed, { out: new Uint8Array(tile.length) }) : tile

function bytesOf(change: Change): number {
  let bytes = 0
  for (const tile of change.values())
    bytes += typeof tile === 'number' ? 8 : 'packed' in tile ? tile.packed.length : tile.length
  return bytes
}

function plainBytesOf(change: Change): number {
  let bytes = 0
  for (const tile of change.values()) if (tile instanceof Uint8Array) bytes += tile.length
  return bytes
}
