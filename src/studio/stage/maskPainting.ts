import { type ReadonlySignal, signal } from '@preact/signals'
import { Text2LiveError } from '../../errors.js'
import type { GreyPlane } from './growPlane.js'
import { MaskHistory } from './maskHistory.js'
import { type Brush, MaskStroke, type StrokePoint } from './maskStroke.js'
import { MaskTiles, sameTile, type Tile } from './maskTiles.js'
import { Slices } from './slices.js'
import type { Area } from './viewMatrix.js'
import { featheredMask, grownMask, invertedMask, pictureMask, planeMask, shrunkMask } from './wholeMask.js'

/**
 * A mask that is painted, of the photo's size: grey, 255 where the edit may be, 0 where not, at first 0 all over. Every
 * change can be undone. Changes of the whole mask that take longer than a frame are made in slices; while one is made,
 * `working` is true and nothing else can be changed: what tries gives false.
 */
export class MaskPainting {
  readonly width: number
  readonly height: number
  readonly #tiles: MaskTiles
  readonly #history = new MaskHistory()
  readonly #listeners = new Set<(area: Area) => void>()
  readonly #version = signal(0)
  readonly #working = signal(false)
  readonly #canUndo = signal(false)
  readonly #canRedo = signal(false)
  /** Counts the changes; each stroke once for each piece of it. */
  readonly version: ReadonlySignal<number> = this.#version
  /** Is a change of the whole mask being made? */
  readonly working: ReadonlySignal<boolean> = this.#working
  readonly canUndo: ReadonlySignal<boolean> = this.#canUndo
  readonly canRedo: ReadonlySignal<boolean> = this.#canRedo
  #stroke: MaskStroke | null = null

  /** @param width, height of the photo, px */
  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.#tiles = new MaskTiles(width, height)
  }

  /** Is it 0 all over? */
  get isEmpty(): boolean {
    for (let i = 0; i < this.#tiles.count; i++) if (this.#tiles.get(i) !== 0) return false
    return true
  }

  /** Its px as they are now, for whoever shows them; they change only by this class. */
  get tiles(): Pick<MaskTiles, 'get' | 'count' | 'areaOf' | 'within' | 'columns' | 'rows'> {
    return this.#tiles
  }

  /** Bytes that the changes to be undone take. */
  get historyBytes(): number {
    return this.#history.bytes
  }

  /**
   * Tells the px that may have changed, whenever some have.
   * @returns ends it
   */
  watch(listener: (area: Area) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Begins a stroke with a dab: of the brush, or with `erase` of the eraser. */
  begin(point: StrokePoint, brush: Brush, erase = false): boolean {
    if (this.#working.value) return false
    this.end()
    this.#stroke = new MaskStroke(this.#tiles, brush, erase ? 0 : 255)
    this.extend([point])
    return true
  }

  /** Draws the stroke on through points, in order. */
  extend(points: Iterable<StrokePoint>): void {
    if (this.#stroke === null) return
    for (const point of points) {
      const area = this.#stroke.to(point)
      if (area !== null) this.#tell(area)
    }
  }

  /** Ends the stroke, which is then one change. */
  end(): void {
    const before = this.#stroke?.finish()
    this.#stroke = null
    if (before !== undefined) this.#keep(before)
  }

  /** Takes back the stroke that is being drawn, as if it had not begun. */
  cancel(): void {
    const before = this.#stroke?.finish()
    this.#stroke = null
    if (before !== undefined) this.#swap(before)
  }

  /** @returns whether there was a change to undo */
  undo(): boolean {
    return this.#move(() => this.#history.undo((tiles) => this.#swap(tiles)))
  }

  /** @returns whether there was an undone change to make again */
  redo(): boolean {
    return this.#move(() => this.#history.redo((tiles) => this.#swap(tiles)))
  }

  /** 0 all over. */
  clear(): boolean {
    return this.#flat(0)
  }

  /** 255 all over. */
  fill(): boolean {
    return this.#flat(255)
  }

  /** 255 where it was 0, and the other way round. */
  async invert(): Promise<boolean> {
    return await this.#whole((slices) => invertedMask(this.#tiles, slices))
  }

  /** What is painted grows by `px` to every side. @throws OPTION_INVALID for less than 1 px or more than 1000 */
  async grow(px: number): Promise<boolean> {
    const radius = wholePixels(px)
    return await this.#whole((slices) => grownMask(this.#tiles, radius, slices))
  }

  /**
   * What is painted shrinks by `px` from every side, but for the photo's border, behind which nothing is.
   * @throws OPTION_INVALID
   */
  async shrink(px: number): Promise<boolean> {
    const radius = wholePixels(px)
    return await this.#whole((slices) => shrunkMask(this.#tiles, radius, slices))
  }

  /** Edges become soft over about `px` to each side. @throws OPTION_INVALID */
  async feather(px: number): Promise<boolean> {
    const radius = wholePixels(px)
    return await this.#whole((slices) => featheredMask(this.#tiles, radius, slices))
  }

  /**
   * Takes another mask in place of this one, as one change.
   * @param mask a plane of this size; or a picture, scaled to it: the brighter and the more opaque, the more
   * @throws Text2LiveError MASK_INVALID for a plane of another size
   */
  async load(mask: GreyPlane | ImageBitmap): Promise<boolean> {
    if ('data' in mask && (mask.width !== this.width || mask.height !== this.height))
      throw new Text2LiveError(
        'MASK_INVALID',
        `Expected a mask of the photo's ${this.width}x${this.height} px, got ${mask.width}x${mask.height}. Give a mask of this photo.`,
      )
    return await this.#whole((slices) =>
      'data' in mask ? planeMask(this.#tiles, mask, slices) : pictureMask(this.#tiles, mask, slices),
    )
  }

  /** The px as they are now, row by row: a copy. */
  read(): { width: number; height: number; data: Uint8Array } {
    return { width: this.width, height: this.height, data: this.#tiles.read() }
  }

  #move(step: () => boolean): boolean {
    if (this.#working.value || this.#stroke !== null) return false
    const moved = step()
    this.#tellHistory()
    return moved
  }

  #flat(value: number): boolean {
    if (this.#working.value) return false
    this.end()
    const tiles = new Map<number, Tile>()
    for (let i = 0; i < this.#tiles.count; i++) if (!sameTile(this.#tiles.get(i), value)) tiles.set(i, value)
    this.#change(tiles)
    return true
  }

  async #whole(make: (slices: Slices) => Promise<Map<number, Tile>>): Promise<boolean> {
    if (this.#working.value) return false
    this.end()
    this.#working.value = true
    try {
      const slices = new Slices()
      // That it is at work is seen before it is.
      await slices.next()
      this.#change(await make(slices))
    } finally {
      this.#working.value = false
    }
    return true
  }

  /** Puts new tiles in their places, as one change that can be undone. */
  #change(tiles: Map<number, Tile>): void {
    this.#keep(this.#swap(tiles))
  }

  #keep(before: Map<number, Tile>): void {
    if (before.size > 0) this.#history.add(before)
    this.#tellHistory()
  }

  #swap(tiles: Map<number, Tile>): Map<number, Tile> {
    const before = new Map<number, Tile>()
    for (const [index, tile] of tiles) {
      before.set(index, this.#tiles.replace(index, tile))
      for (const listener of this.#listeners) listener(this.#tiles.areaOf(index))
    }
    if (tiles.size > 0) this.#version.value++
    return before
  }

  #tell(area: Area): void {
    this.#version.value++
    for (const listener of this.#listeners) listener(area)
  }

  #tellHistory(): void {
    this.#canUndo.value = this.#history.canUndo
    this.#canRedo.value = this.#history.canRedo
  }
}

/** @throws OPTION_INVALID */
function wholePixels(px: number): number {
  if (Number.isFinite(px) && px >= 0.5 && px <= 1000) return Math.round(px)
  throw new Text2LiveError('OPTION_INVALID', `Expected 1 to 1000 px, got ${px}.`)
}
