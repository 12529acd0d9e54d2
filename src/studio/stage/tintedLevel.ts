import type { Context } from './drawScene.js'
import type { MaskPainting } from './maskPainting.js'
import { type Tile, tileSide } from './maskTiles.js'
import { type Area, around, common } from './viewMatrix.js'

/** The px of a mask at a part of its size, tinted; those of `stale` are to be made anew. */
interface TintedTile {
  /** Null where the mask has one value. */
  canvas: OffscreenCanvas | null
  value: number
  stale: Area | null
}

/** Above this many, tiles that are out of sight are forgotten; 256 kB each. */
const kept = 192
const [red, green, blue, most] = [255, 40, 90, 140]
/** The tint of each value of the mask, as the bytes of a picture. */
const tints = new Uint32Array(256).map((_, value) => {
  const alpha = Math.round((value * most) / 255)
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0
})

/** The tinted tiles of a mask at one part of its size. */
export class TintedLevel {
  readonly #mask: MaskPainting
  readonly #tiles = new Map<string, TintedTile>()
  #level: number

  /** @param level 0 for the mask's size, 1 for the half of it, and so on */
  constructor(mask: MaskPainting, level: number) {
    this.#mask = mask
    this.#level = level
  }

  get level(): number {
    return this.#level
  }

  /** Side of a tile, px of the mask. */
  get side(): number {
    return tileSide << this.#level
  }

  become(level: number): void {
    if (level === this.#level) return
    this.#level = level
    this.#tiles.clear()
  }

  /** The px of the mask that a tile stands for. */
  partOf(column: number, row: number): Area {
    const { side } = this
    const [x, y] = [column * side, row * side]
    return { x, y, width: Math.min(side, this.#mask.width - x), height: Math.min(side, this.#mask.height - y) }
  }

  /** Is all of a tile to be made anew? */
  isCostly(column: number, row: number): boolean {
    const tile = this.#tiles.get(keyOf(column, row))
    if (tile === undefined) return true
    const { width, height } = this.partOf(column, row)
    return tile.stale?.width === width && tile.stale.height === height
  }

  /**
   * Makes anew what of a tile is to be.
   * @returns milliseconds that it took
   */
  renew(column: number, row: number): number {
    const key = keyOf(column, row)
    let tile = this.#tiles.get(key)
    if (tile?.stale === null) return 0
    const start = performance.now()
    const area = this.partOf(column, row)
    if (tile === undefined) {
      tile = { canvas: null, value: 0, stale: area }
      this.#tiles.set(key, tile)
    }
    this.#renew(tile, area, tile.stale ?? area)
    tile.stale = null
    return performance.now() - start
  }

  /** Draws a part of a tile as it was made: the px of the mask `part`, all in this tile, to `place` on the canvas. */
  draw(context: Context, column: number, row: number, part: Area, place: Area): void {
    const tile = this.#tiles.get(keyOf(column, row))
    if (tile === undefined) return
    const area = this.partOf(column, row)
    const { x, y, width, height } = place
    if (tile.canvas !== null) {
      const step = 2 ** this.#level
      const [left, top] = [(part.x - area.x) / step, (part.y - area.y) / step]
      context.drawImage(tile.canvas, left, top, part.width / step, part.height / step, x, y, width, height)
    } else if (tile.value > 0) {
      context.fillStyle = `rgb(${red} ${green} ${blue} / ${(tile.value / 255) * (most / 255)})`
      context.fillRect(x, y, width, height)
    }
  }

  stain(area: Area): void {
    const { side } = this
    for (let row = Math.floor(area.y / side); row * side < area.y + area.height; row++) {
      for (let column = Math.floor(area.x / side); column * side < area.x + area.width; column++) {
        const tile = this.#tiles.get(keyOf(column, row))
        if (tile === undefined) continue
        const stale = common(area, this.partOf(column, row))
        tile.stale = tile.stale === null ? stale : around(tile.stale, stale)
      }
    }
  }

  forget(left: number, right: number, top: number, bottom: number): void {
    if (this.#tiles.size <= kept) return
    for (const key of this.#tiles.keys()) {
      const [column, row] = key.split(',').map(Number) as [number, number]
      if (column < left || column >= right || row < top || row >= bottom) this.#tiles.delete(key)
    }
  }

  #renew(tile: TintedTile, part: Area, stale: Area): void {
    const { tiles } = this.#mask
    const indices = tiles.within(part)
    const first = tiles.get(indices[0]!)
    if (typeof first === 'number' && indices.every((index) => tiles.get(index) === first)) {
      tile.canvas = null
      tile.value = first
      return
    }
    // What was of one value has no px yet.
    const from = tile.canvas === null ? part : stale
    tile.canvas ??= new OffscreenCanvas(tileSide, tileSide)
    const context = tile.canvas.getContext('2d')
    if (context === null) return
    const step = 2 ** this.#level
    const start = { x: Math.floor((from.x - part.x) / step), y: Math.floor((from.y - part.y) / step) }
    const end = {
      x: Math.ceil((from.x - part.x + from.width) / step),
      y: Math.ceil((from.y - part.y + from.height) / step),
    }
    const picture = new ImageData(end.x - start.x, end.y - start.y)
    const target = {
      x: part.x + start.x * step,
      y: part.y + start.y * step,
      width: picture.width,
      height: picture.height,
    }
    const out = new Uint32Array(picture.data.buffer)
    const source = { x: target.x, y: target.y, width: target.width * step, height: target.height * step }
    for (const index of tiles.within(source)) tint(out, target, step, tiles.get(index), tiles.areaOf(index))
    context.putImageData(picture, start.x, start.y)
  }
}

const keyOf = (column: number, row: number): string => `${column},${row}`

/**
 * Tints the px of `out`, each of which stands for `step` by `step` px of the mask, that lie in one tile of the mask.
 */
function tint(out: Uint32Array, target: Area, step: number, tile: Tile, area: Area): void {
  const first = (start: number, origin: number): number => Math.max(0, Math.ceil((start - origin) / step))
  const [left, top] = [first(area.x, target.x), first(area.y, target.y)]
  const right = Math.min(target.width, Math.ceil((area.x + area.width - target.x) / step))
  const bottom = Math.min(target.height, Math.ceil((area.y + area.height - target.y) / step))
  if (typeof tile === 'number') {
    for (let y = top; y < bottom; y++) out.fill(tints[tile]!, y * target.width + left, y * target.width + right)
    return
  }
  // Of larger steps four px are looked at, a quarter in from each corner.
  const [near, far] = [step >> 2, (step >> 2) + (step >> 1)]
  const [lastX, lastY] = [area.width - 1, area.height - 1]
  for (let y = top; y < bottom; y++) {
    const sy = target.y + y * step - area.y
    const [above, below] = [Math.min(lastY, sy + near) * area.width, Math.min(lastY, sy + far) * area.width]
    for (let x = left; x < right; x++) {
      const sx = target.x + x * step - area.x
      const [here, there] = [Math.min(lastX, sx + near), Math.min(lastX, sx + far)]
      const sum =
        step === 1
          ? 4 * tile[above + here]!
          : tile[above + here]! + tile[above + there]! + tile[below + here]! + tile[below + there]!
      out[y * target.width + x] = tints[(sum + 2) >> 2]!
    }
  }
}
