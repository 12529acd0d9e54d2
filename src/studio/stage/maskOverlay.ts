import type { Context } from './drawScene.js'
import type { MaskPainting } from './maskPainting.js'
import { tileSide, type Tile } from './maskTiles.js'
import type { Area, Size } from './viewMatrix.js'

/** The px of a mask at a part of its size, tinted; those of `stale` are to be made anew. */
interface TintedTile {
  /** Null where the mask has one value. */
  canvas: OffscreenCanvas | null
  value: number
  stale: Area | null
}

/** Where the mask lies in a pane, device px. */
export interface Placed {
  readonly zoom: number
  readonly x: number
  readonly y: number
}

/** Above this many, tiles that are out of sight are forgotten; 256 kB each. */
const kept = 192
const [red, green, blue, most] = [255, 40, 90, 140]
/** The tint of each value of the mask, as the bytes of a picture. */
const tints = Uint32Array.from({ length: 256 }, (_, value) => {
  const alpha = Math.round((value * most) / 255)
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0
})

/**
 * A mask as a tint over the photo: tiles of 256 px at the whole, a half, a quarter and so on of the mask's size,
 * whichever is next above what is shown. A stroke makes anew only the px where it went, of the tiles that are in sight.
 */
export class MaskOverlay {
  readonly #mask: MaskPainting
  readonly #tiles = new Map<string, TintedTile>()
  readonly #unwatch: () => void
  #level = 0

  /** @param changed told which px of the mask look otherwise */
  constructor(mask: MaskPainting, changed: (area: Area) => void) {
    this.#mask = mask
    this.#unwatch = mask.watch((area) => {
      this.#stain(area)
      changed(area)
    })
  }

  close(): void {
    this.#unwatch()
  }

  /** Draws what of the mask lies in an area of the canvas. */
  draw(context: Context, { zoom, x, y }: Placed, area: Area): void {
    const level = Math.min(6, Math.max(0, Math.floor(Math.log2(1 / zoom))))
    if (level !== this.#level) this.#tiles.clear()
    this.#level = level
    const side = tileSide << level
    context.imageSmoothingEnabled = zoom < 2
    context.imageSmoothingQuality = 'low'
    const { width, height } = this.#mask
    const along = (start: number, length: number, origin: number, whole: number): [number, number] => [
      Math.max(0, Math.floor((start - origin) / zoom / side)),
      Math.min(Math.ceil(whole / side), Math.ceil((start + length - origin) / zoom / side)),
    ]
    const [left, right] = along(area.x, area.width, x, width)
    const [top, bottom] = along(area.y, area.height, y, height)
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const part = this.#partOf(column, row, side)
        const tile = this.#made(column, row, part)
        if (tile.canvas === null && tile.value === 0) continue
        // Edges at whole device px: two that meet between px would show as a line.
        const [x0, x1] = [Math.round(x + part.x * zoom), Math.round(x + (part.x + part.width) * zoom)]
        const [y0, y1] = [Math.round(y + part.y * zoom), Math.round(y + (part.y + part.height) * zoom)]
        if (tile.canvas === null) {
          context.fillStyle = `rgb(${red} ${green} ${blue} / ${(tile.value / 255) * (most / 255)})`
          context.fillRect(x0, y0, x1 - x0, y1 - y0)
        } else {
          const scaled = scaledSize(part, level)
          context.drawImage(tile.canvas, 0, 0, scaled.width, scaled.height, x0, y0, x1 - x0, y1 - y0)
        }
      }
    }
    if (this.#tiles.size > kept) this.#forget(left, right, top, bottom)
  }

  #partOf(column: number, row: number, side: number): Area {
    const [x, y] = [column * side, row * side]
    return { x, y, width: Math.min(side, this.#mask.width - x), height: Math.min(side, this.#mask.height - y) }
  }

  #made(column: number, row: number, part: Area): TintedTile {
    const key = `${column},${row}`
    let tile = this.#tiles.get(key)
    if (tile === undefined) {
      tile = { canvas: null, value: 0, stale: part }
      this.#tiles.set(key, tile)
    }
    if (tile.stale !== null) {
      this.#renew(tile, part, tile.stale)
      tile.stale = null
    }
    return tile
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
    for (const index of tiles.within(from)) tint(out, target, step, tiles.get(index), tiles.areaOf(index))
    context.putImageData(picture, start.x, start.y)
  }

  #stain(area: Area): void {
    const side = tileSide << this.#level
    for (let row = Math.floor(area.y / side); row * side < area.y + area.height; row++) {
      for (let column = Math.floor(area.x / side); column * side < area.x + area.width; column++) {
        const tile = this.#tiles.get(`${column},${row}`)
        if (tile === undefined) continue
        const stale = common(area, this.#partOf(column, row, side))
        tile.stale = tile.stale === null ? stale : around(tile.stale, stale)
      }
    }
  }

  #forget(left: number, right: number, top: number, bottom: number): void {
    for (const key of this.#tiles.keys()) {
      const [column, row] = key.split(',').map(Number) as [number, number]
      if (column < left || column >= right || row < top || row >= bottom) this.#tiles.delete(key)
    }
  }
}

/** Tints the px of `out`, each of which stands for `step` by `step` px of the mask, that lie in one tile of the mask. */
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

const scaledSize = ({ width, height }: Size, level: number): Size => ({
  width: Math.ceil(width / 2 ** level),
  height: Math.ceil(height / 2 ** level),
})

/** The area that two areas share. */
function common(a: Area, b: Area): Area {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)]
  return {
    x,
    y,
    width: Math.min(a.x + a.width, b.x + b.width) - x,
    height: Math.min(a.y + a.height, b.y + b.height) - y,
  }
}

/** The least area that holds both. */
export function around(a: Area, b: Area): Area {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)]
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  }
}
