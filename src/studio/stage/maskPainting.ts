import { type ReadonlySignal, signal } from '@preact/signals'
import { Text2LiveError } from '../../errors.js'
import { featherPlane, featherReach } from './featherPlane.js'
import { type GreyPlane, growPlane } from './growPlane.js'
import { MaskHistory } from './maskHistory.js'
import { type Brush, MaskStroke, type StrokePoint } from './maskStroke.js'
import { MaskTiles, sameTile, type Tile, tileSide } from './maskTiles.js'
import { Slices } from './slices.js'
import type { Area } from './viewMatrix.js'

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
  #stroke: MaskStroke | null = null

  /** @param width, height of the photo, px */
  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.#tiles = new MaskTiles(width, height)
  }

  /** Counts the changes; each stroke once for each piece of it. */
  get version(): ReadonlySignal<number> {
    return this.#version
  }

  /** Is a change of the whole mask being made? */
  get working(): ReadonlySignal<boolean> {
    return this.#working
  }

  get canUndo(): ReadonlySignal<boolean> {
    return this.#canUndo
  }

  get canRedo(): ReadonlySignal<boolean> {
    return this.#canRedo
  }

  /** Is it 0 all over? */
  get isEmpty(): boolean {
    for (let i = 0; i < this.#tiles.count; i++) if (this.#tiles.get(i) !== 0) return false
    return true
  }

  /** Its px as they are now, for whoever shows them; they change only by this class. */
  get tiles(): Pick<MaskTiles, 'get' | 'areaOf' | 'within' | 'columns' | 'rows'> {
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
    return this.#each(() => 0)
  }

  /** 255 all over. */
  fill(): boolean {
    return this.#each(() => 255)
  }

  invert(): boolean {
    return this.#each(inverted)
  }

  /** What is painted grows by `px` to every side. @throws OPTION_INVALID for less than 1 px or more than 1000 */
  async grow(px: number): Promise<boolean> {
    const radius = wholePixels(px)
    return await this.#whole(async (slices) => {
      const box = this.#box((tile) => tile !== 0, radius)
      if (box === null) return new Map()
      const plane = { width: box.width, height: box.height, data: await this.#plane(box, slices) }
      await growPlane(plane, radius, slices)
      return await this.#cut(plane, box, slices)
    })
  }

  /** What is painted shrinks by `px` from every side, but for the photo's border, behind which nothing is. */
  async shrink(px: number): Promise<boolean> {
    const radius = wholePixels(px)
    return await this.#whole(async (slices) => {
      const box = this.#box((tile) => tile !== 255, radius)
      if (box === null) return new Map()
      const plane = { width: box.width, height: box.height, data: await this.#plane(box, slices, inverted) }
      await growPlane(plane, radius, slices)
      await invertPlane(plane, slices)
      return await this.#cut(plane, box, slices)
    })
  }

  /** Edges become soft over about `px` to each side. */
  async feather(px: number): Promise<boolean> {
    const reach = wholePixels(px)
    return await this.#whole(async (slices) => {
      const box = this.#box((tile) => tile !== 0, 3 * featherReach(reach))
      if (box === null) return new Map()
      const [left, top] = [Math.max(0, box.x), Math.max(0, box.y)]
      const inside = {
        x: left,
        y: top,
        width: Math.min(this.width, box.x + box.width) - left,
        height: Math.min(this.height, box.y + box.height) - top,
      }
      const plane = { width: inside.width, height: inside.height, data: await this.#plane(inside, slices) }
      await featherPlane(plane, reach, slices)
      return await this.#cut(plane, inside, slices)
    })
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
    return await this.#whole(async (slices) => {
      if ('data' in mask) return await this.#cut(mask, { x: 0, y: 0, width: this.width, height: this.height }, slices)
      const loaded = new Map<number, Tile>()
      for (let y = 0; y < this.height; y += tileSide) {
        const strip = { x: 0, y, width: this.width, height: Math.min(tileSide, this.height - y) }
        const plane = { width: strip.width, height: strip.height, data: greysOf(mask, this, strip) }
        for (const [index, tile] of await this.#cut(plane, strip, slices)) loaded.set(index, tile)
        await slices.next()
      }
      return loaded
    })
  }

  /** The px as they are now, row by row: a copy. */
  read(): { width: number; height: number; data: Uint8Array } {
    const whole = { x: 0, y: 0, width: this.width, height: this.height }
    const data = new Uint8Array(this.width * this.height)
    for (let i = 0; i < this.#tiles.count; i++) this.#tiles.copyInto(data, whole, i)
    return { width: this.width, height: this.height, data }
  }

  #move(step: () => boolean): boolean {
    if (this.#working.value || this.#stroke !== null) return false
    const moved = step()
    this.#tellHistory()
    return moved
  }

  #each(made: (before: Tile) => Tile): boolean {
    if (this.#working.value) return false
    this.end()
    const tiles = new Map<number, Tile>()
    for (let i = 0; i < this.#tiles.count; i++) {
      const before = this.#tiles.get(i)
      const tile = made(before)
      if (!sameTile(tile, before)) tiles.set(i, tile)
    }
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

  /** The tiles for which `matters` holds, and `margin` px about them, outside the mask too; null for none. */
  #box(matters: (tile: Tile) => boolean, margin: number): Area | null {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
    for (let i = 0; i < this.#tiles.count; i++) {
      if (!matters(this.#tiles.get(i))) continue
      const { x, y, width, height } = this.#tiles.areaOf(i)
      left = Math.min(left, x)
      top = Math.min(top, y)
      right = Math.max(right, x + width)
      bottom = Math.max(bottom, y + height)
    }
    if (left === Infinity) return null
    return { x: left - margin, y: top - margin, width: right - left + 2 * margin, height: bottom - top + 2 * margin }
  }

  /** An area as a plane, 0 where it lies beyond the mask. */
  async #plane(area: Area, slices: Slices, made = (tile: Tile): Tile => tile): Promise<Uint8Array> {
    const data = new Uint8Array(area.width * area.height)
    for (const index of this.#tiles.within(area)) {
      this.#tiles.copyInto(data, area, index, made(this.#tiles.get(index)))
      if (slices.spent) await slices.next()
    }
    return data
  }

  /** The tiles that a plane changes: those that lie in it in part go on as they are elsewhere. */
  async #cut(plane: GreyPlane, area: Area, slices: Slices): Promise<Map<number, Tile>> {
    const tiles = new Map<number, Tile>()
    for (const index of this.#tiles.within(area)) {
      const tile = this.#tiles.patched(index, plane.data, area)
      if (!sameTile(tile, this.#tiles.get(index))) tiles.set(index, tile)
      if (slices.spent) await slices.next()
    }
    return tiles
  }
}

/** @throws OPTION_INVALID */
function wholePixels(px: number): number {
  if (Number.isFinite(px) && px >= 0.5 && px <= 1000) return Math.round(px)
  throw new Text2LiveError('OPTION_INVALID', `Expected 1 to 1000 px, got ${px}.`)
}

function inverted(tile: Tile): Tile {
  if (typeof tile === 'number') return 255 - tile
  // Four px at a time.
  const out = new Uint8Array(tile.length)
  const words = tile.length >> 2
  const [from, to] = [new Uint32Array(tile.buffer, 0, words), new Uint32Array(out.buffer, 0, words)]
  for (let i = 0; i < words; i++) to[i] = ~from[i]!
  for (let i = 4 * words; i < out.length; i++) out[i] = 255 - tile[i]!
  return out
}

async function invertPlane({ width, height, data }: GreyPlane, slices: Slices): Promise<void> {
  for (let y = 0; y < height; y++) {
    for (let i = y * width; i < (y + 1) * width; i++) data[i] = 255 - data[i]!
    if (slices.spent) await slices.next()
  }
}

/** A strip of a picture that is scaled to `size`, as greys; what is transparent counts as black. */
function greysOf(picture: ImageBitmap, size: { width: number; height: number }, strip: Area): Uint8Array {
  const greys = new Uint8Array(strip.width * strip.height)
  const context = new OffscreenCanvas(strip.width, strip.height).getContext('2d', { willReadFrequently: true })
  if (context === null)
    throw new Text2LiveError(
      'DEVICE_UNAVAILABLE',
      'Expected a canvas to read the mask with, and this browser gave none.',
    )
  context.fillRect(0, 0, strip.width, strip.height)
  context.drawImage(picture, 0, -strip.y, size.width, size.height)
  const { data } = context.getImageData(0, 0, strip.width, strip.height)
  for (let i = 0; i < greys.length; i++)
    greys[i] = 0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]! + 0.5
  return greys
}
