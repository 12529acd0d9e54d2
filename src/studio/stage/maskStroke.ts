import { type MaskTiles, plain, sameTile, type Tile } from './maskTiles.js'
import type { Area, Point } from './viewMatrix.js'

/** What a stroke is drawn with. */
export interface Brush {
  /** Diameter, photo px. */
  readonly size: number
  /** [0, 1]: the part of the radius that is covered fully. */
  readonly hardness: number
  /** [0, 1], of a whole stroke, however often it crosses itself. */
  readonly opacity: number
}

/** Where a pen or a finger was, photo px. */
export interface StrokePoint extends Point {
  /** [0, 1], how hard a pen was pressed: the width of the stroke; 1 for whatever does not tell. */
  readonly pressure: number
}

interface TouchedTile {
  readonly before: Tile
  readonly base: Uint8Array
  /** How much of each px the stroke covers so far, 255 fully. */
  readonly coverage: Uint8Array
  readonly pixels: Uint8Array
}

/**
 * A stroke while it is drawn. It covers the px near the line through its points; where it comes over itself the greater
 * coverage holds, so its opacity is that of the whole stroke, and it does not matter how densely points come.
 */
export class MaskStroke {
  readonly #tiles: MaskTiles
  readonly #brush: Brush
  /** What the mask is drawn towards. */
  readonly #target: 0 | 255
  /** The part of the way to the target, for each coverage. */
  readonly #strength: Float64Array
  readonly #touched = new Map<number, TouchedTile>()
  #last: StrokePoint | null = null

  constructor(tiles: MaskTiles, brush: Brush, target: 0 | 255) {
    this.#tiles = tiles
    this.#brush = brush
    this.#target = target
    this.#strength = new Float64Array(256).map((_, coverage) => (coverage / 255) * brush.opacity)
  }

  /**
   * Goes on to a point; the first one is a dab.
   * @returns the px that may have changed; null where there are none
   */
  to(point: StrokePoint): Area | null {
    const from = this.#last ?? point
    // What moved by less than a fiftieth of the radius cannot be seen, and costs as much as a long way.
    const radius = this.#radius(point)
    if (this.#last !== null && Math.hypot(point.x - from.x, point.y - from.y) < Math.max(0.25, radius / 50)) return null
    this.#last = point
    return this.#cover(from, point)
  }

  /** The tiles that the stroke replaced, as they were; equal ones are left out. The stroke is over. */
  finish(): Map<number, Tile> {
    const before = new Map<number, Tile>()
    for (const [index, tile] of this.#touched) {
      if (sameTile(tile.pixels, tile.base)) this.#tiles.replace(index, tile.before)
      else {
        this.#tiles.replace(index, plain(tile.pixels))
        before.set(index, tile.before)
      }
    }
    return before
  }

  #radius({ pressure }: StrokePoint): number {
    return Math.max(0.5, (this.#brush.size / 2) * (0.15 + 0.85 * pressure))
  }

  #cover(a: StrokePoint, b: StrokePoint): Area | null {
    const reach = Math.max(this.#radius(a), this.#radius(b)) + 1
    const [left, top] = [Math.floor(Math.min(a.x, b.x) - reach), Math.floor(Math.min(a.y, b.y) - reach)]
    const [right, bottom] = [Math.ceil(Math.max(a.x, b.x) + reach), Math.ceil(Math.max(a.y, b.y) + reach)]
    const area = clipped({ x: left, y: top, width: right - left, height: bottom - top }, this.#tiles)
    if (area === null) return null
    for (const index of this.#tiles.within(area)) {
      const tile = this.#tiles.areaOf(index)
      if (apart(a, b, reach, tile)) continue
      this.#coverTile(a, b, this.#touch(index), tile, area)
    }
    return area
  }

  /** The px of a tile near the line from a to b. */
  #coverTile(a: StrokePoint, b: StrokePoint, touched: TouchedTile, tile: Area, area: Area): void {
    const { base, coverage, pixels } = touched
    const [strength, target] = [this.#strength, this.#target]
    const [dx, dy] = [b.x - a.x, b.y - a.y]
    const perLength = dx === 0 && dy === 0 ? 0 : 1 / (dx * dx + dy * dy)
    const start = this.#radius(a)
    const growth = this.#radius(b) - start
    const reach = Math.max(start, start + growth) + 0.5
    const { hardness } = this.#brush
    const [x0, x1] = [Math.max(tile.x, area.x), Math.min(tile.x + tile.width, area.x + area.width)]
    const [y0, y1] = [Math.max(tile.y, area.y), Math.min(tile.y + tile.height, area.y + area.height)]
    for (let y = y0; y < y1; y++) {
      const py = y + 0.5 - a.y
      const [from, to] = rowSpan(a, b, reach, y + 0.5, x0, x1)
      const row = (y - tile.y) * tile.width - tile.x
      for (let x = from; x < to; x++) {
        const at = row + x
        const had = coverage[at]!
        if (had === 255) continue
        const px = x + 0.5 - a.x
        let t = (px * dx + py * dy) * perLength
        if (t < 0) t = 0
        else if (t > 1) t = 1
        const ex = px - t * dx
        const ey = py - t * dy
        const radius = start + t * growth
        // The edge of a hard brush is one px wide; of a soft one it begins where its hardness ends.
        const inner = Math.min(radius * hardness, radius - 0.5)
        const outer = radius + 0.5
        const square = ex * ex + ey * ey
        if (square >= outer * outer) continue
        let cover = 255
        if (inner < 0 || square > inner * inner) {
          const part = (outer - Math.sqrt(square)) / (outer - inner)
          cover = (255 * part * part * (3 - 2 * part) + 0.5) | 0
        }
        if (cover <= had) continue
        coverage[at] = cover
        const value = base[at]!
        pixels[at] = (value + (target - value) * strength[cover]! + 0.5) | 0
      }
    }
  }

  #touch(index: number): TouchedTile {
    const touched = this.#touched.get(index)
    if (touched !== undefined) return touched
    const base = this.#tiles.copyOf(index)
    const pixels = base.slice()
    const made = { before: this.#tiles.replace(index, pixels), base, coverage: new Uint8Array(base.length), pixels }
    this.#touched.set(index, made)
    return made
  }
}

/**
 * The columns of a row that can be within `reach` of the line from a to b: those of the box about what of it is near.
 */
function rowSpan(a: Point, b: Point, reach: number, y: number, x0: number, x1: number): [number, number] {
  const [dx, dy] = [b.x - a.x, b.y - a.y]
  const length = Math.hypot(dx, dy)
  let [least, most] = [Infinity, -Infinity]
  for (const end of [a, b]) {
    const rest = reach * reach - (y - end.y) * (y - end.y)
    if (rest < 0) continue
    const half = Math.sqrt(rest)
    least = Math.min(least, end.x - half)
    most = Math.max(most, end.x + half)
  }
  // The strip between the ends: its two sides cross the row where they lie beside the line.
  if (length > 0 && dy !== 0) {
    for (const side of [-reach, reach]) {
      const t = (y - a.y - (side * dx) / length) / dy
      if (t < 0 || t > 1) continue
      const x = a.x + t * dx - (side * dy) / length
      least = Math.min(least, x)
      most = Math.max(most, x)
    }
  }
  return [Math.max(x0, Math.floor(least - 0.5)), Math.min(x1, Math.ceil(most + 0.5))]
}

/** Is a tile farther than `reach` from the line from a to b? Told by the circle about the tile. */
function apart(a: Point, b: Point, reach: number, tile: Area): boolean {
  const [cx, cy] = [tile.x + tile.width / 2, tile.y + tile.height / 2]
  const [dx, dy] = [b.x - a.x, b.y - a.y]
  const square = dx * dx + dy * dy
  const t = square === 0 ? 0 : Math.min(1, Math.max(0, ((cx - a.x) * dx + (cy - a.y) * dy) / square))
  return Math.hypot(cx - a.x - t * dx, cy - a.y - t * dy) > reach + Math.hypot(tile.width, tile.height) / 2
}

function clipped(area: Area, { width, height }: MaskTiles): Area | null {
  const [x, y] = [Math.max(0, area.x), Math.max(0, area.y)]
  const [right, bottom] = [Math.min(width, area.x + area.width), Math.min(height, area.y + area.height)]
  return right > x && bottom > y ? { x, y, width: right - x, height: bottom - y } : null
}
