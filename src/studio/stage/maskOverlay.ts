import type { Context } from './drawScene.js'
import type { MaskPainting } from './maskPainting.js'
import { TintedLevel } from './tintedLevel.js'
import { type Area, around } from './viewMatrix.js'

/** Where the mask lies in a pane, device px. */
export interface Placed {
  readonly zoom: number
  /** Device px for each CSS px: a tint is as fine as CSS px, which is all that is seen of it. */
  readonly density: number
  /** Are px filtered where they are made smaller? */
  readonly smooth: boolean
  readonly x: number
  readonly y: number
}

/** What making whole tiles anew may take of a frame, milliseconds; the px of a stroke are always made. */
const share = 8
/** The longer side of a mask as it is shown until the tiles are made, px at most. */
const coarse = 1024
/**
 * A mask as a tint over the photo: tiles of 256 px at the whole, a half, a quarter and so on of the mask's size,
 * whichever is next above what is shown. A stroke makes anew only the px where it went, of the tiles that are in sight;
 * where more changes than a frame has time for, a coarse picture of the mask is shown first.
 */
export class MaskOverlay {
  readonly #mask: MaskPainting
  readonly #tiles: TintedLevel
  readonly #coarse: TintedLevel
  readonly #unwatch: () => void

  /** @param changed told which px of the mask look otherwise */
  constructor(mask: MaskPainting, changed: (area: Area) => void) {
    this.#mask = mask
    this.#tiles = new TintedLevel(mask, 0)
    this.#coarse = new TintedLevel(mask, Math.max(0, Math.ceil(Math.log2(Math.max(mask.width, mask.height) / coarse))))
    this.#unwatch = mask.watch((area) => {
      this.#tiles.stain(area)
      this.#coarse.stain(area)
      changed(area)
    })
  }

  close(): void {
    this.#unwatch()
  }

  /**
   * Draws what of the mask lies in an area of the canvas.
   * @returns the px of the mask that are coarse still, to be drawn again; null for none
   */
  draw(context: Context, { zoom, density, smooth, x, y }: Placed, area: Area): Area | null {
    const tiles = this.#tiles
    tiles.become(Math.min(this.#coarse.level, Math.max(0, Math.floor(Math.log2(density / zoom)))))
    context.imageSmoothingEnabled = smooth && zoom < 2 * density
    context.imageSmoothingQuality = 'low'
    const { side } = tiles
    const along = (start: number, length: number, origin: number, whole: number): [number, number] => [
      Math.max(0, Math.floor((start - origin) / zoom / side)),
      Math.min(Math.ceil(whole / side), Math.ceil((start + length - origin) / zoom / side)),
    ]
    const [left, right] = along(area.x, area.width, x, this.#mask.width)
    const [top, bottom] = along(area.y, area.height, y, this.#mask.height)
    let spent = 0
    let unfinished: Area | null = null
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const part = tiles.partOf(column, row)
        // Edges at whole device px: two that meet between px would show as a line.
        const [x0, x1] = [Math.round(x + part.x * zoom), Math.round(x + (part.x + part.width) * zoom)]
        const [y0, y1] = [Math.round(y + part.y * zoom), Math.round(y + (part.y + part.height) * zoom)]
        const place = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 }
        if (spent < share || !tiles.isCostly(column, row)) {
          spent += tiles.renew(column, row)
          tiles.draw(context, column, row, part, place)
        } else {
          const steps = this.#coarse.side / side
          const [column0, row0] = [Math.floor(column / steps), Math.floor(row / steps)]
          this.#coarse.renew(column0, row0)
          this.#coarse.draw(context, column0, row0, part, place)
          unfinished = unfinished === null ? part : around(unfinished, part)
        }
      }
    }
    tiles.forget(left, right, top, bottom)
    return unfinished
  }
}
