import { type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { Painting } from './stageModel.js'
import { type Brush, MaskStroke, type StrokePoint } from './maskStroke.js'
import { MaskTiles } from './maskTiles.js'
import type { Area } from './viewMatrix.js'

/** How many strokes can be undone: each keeps the whole picture. */
const mostUndone = 20

interface ColourStroke {
  readonly tiles: MaskTiles
  readonly stroke: MaskStroke
  /** The stroke alone, in its colour. */
  readonly canvas: OffscreenCanvas
  readonly erase: boolean
  readonly rgb: readonly [number, number, number]
}

/** A layer that is painted in colours, of one size, at first transparent all over. */
export class ColourPainting implements Painting {
  /** What is painted, the stroke at hand with it. It changes in place: `version` says when. */
  readonly picture: OffscreenCanvas
  /** Of the next stroke: #rrggbb. */
  readonly colour: Signal<string> = signal('#f0b400')
  readonly #version = signal(0)
  readonly #canUndo = signal(false)
  readonly #canRedo = signal(false)
  readonly version: ReadonlySignal<number> = this.#version
  readonly canUndo: ReadonlySignal<boolean> = this.#canUndo
  readonly canRedo: ReadonlySignal<boolean> = this.#canRedo
  /** Without the stroke at hand; never changed in place. */
  #base: OffscreenCanvas
  #undone: OffscreenCanvas[] = []
  #done: OffscreenCanvas[] = []
  #stroke: ColourStroke | null = null

  /** @param begin what is painted already, of any size: it is scaled */
  constructor(width: number, height: number, begin: ImageBitmap | null = null) {
    this.picture = new OffscreenCanvas(width, height)
    if (begin !== null) contextOf(this.picture).drawImage(begin, 0, 0, width, height)
    this.#base = copyOf(this.picture)
  }

  begin(point: StrokePoint, brush: Brush, erase = false): boolean {
    this.end()
    const { width, height } = this.picture
    const tiles = new MaskTiles(width, height)
    const value = Number.parseInt(this.colour.peek().slice(1), 16)
    this.#stroke = {
      tiles,
      stroke: new MaskStroke(tiles, brush, 255),
      canvas: new OffscreenCanvas(width, height),
      erase,
      rgb: [value >> 16, (value >> 8) & 255, value & 255],
    }
    this.extend([point])
    return true
  }

  extend(points: Iterable<StrokePoint>): void {
    if (this.#stroke === null) return
    for (const point of points) {
      const area = this.#stroke.stroke.to(point)
      if (area !== null) this.#draw(this.#stroke, area)
    }
    this.#version.value++
  }

  end(): void {
    if (this.#stroke === null) return
    this.#stroke = null
    this.#keep(copyOf(this.picture))
  }

  cancel(): void {
    this.#stroke = null
    this.#show()
  }

  undo(): boolean {
    return this.#move(this.#done, this.#undone)
  }

  redo(): boolean {
    return this.#move(this.#undone, this.#done)
  }

  clear(): void {
    this.cancel()
    this.#keep(new OffscreenCanvas(this.picture.width, this.picture.height))
    this.#show()
  }

  /** Brings an area of the picture to what lies under the stroke, and the stroke. */
  #draw({ tiles, canvas, erase, rgb }: ColourStroke, area: Area): void {
    const { x, y, width, height } = area
    const coverage = new Uint8Array(width * height)
    for (const index of tiles.within(area)) tiles.copyInto(coverage, area, index)
    const pixels = new ImageData(width, height)
    coverage.forEach((alpha, i) => pixels.data.set([...rgb, alpha], 4 * i))
    contextOf(canvas).putImageData(pixels, x, y)
    const context = contextOf(this.picture)
    context.clearRect(x, y, width, height)
    context.drawImage(this.#base, x, y, width, height, x, y, width, height)
    context.globalCompositeOperation = erase ? 'destination-out' : 'source-over'
    context.drawImage(canvas, x, y, width, height, x, y, width, height)
    context.globalCompositeOperation = 'source-over'
  }

  #keep(base: OffscreenCanvas): void {
    this.#done = [...this.#done, this.#base].slice(-mostUndone)
    this.#undone = []
    this.#base = base
    this.#tellHistory()
  }

  #move(from: OffscreenCanvas[], to: OffscreenCanvas[]): boolean {
    const base = this.#stroke === null ? from.pop() : undefined
    if (base === undefined) return false
    to.push(this.#base)
    this.#base = base
    this.#show()
    this.#tellHistory()
    return true
  }

  #show(): void {
    const context = contextOf(this.picture)
    context.clearRect(0, 0, this.picture.width, this.picture.height)
    context.drawImage(this.#base, 0, 0)
    this.#version.value++
  }

  #tellHistory(): void {
    this.#canUndo.value = this.#done.length > 0
    this.#canRedo.value = this.#undone.length > 0
  }
}

const contextOf = (canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D => canvas.getContext('2d')!

function copyOf(canvas: OffscreenCanvas): OffscreenCanvas {
  const copy = new OffscreenCanvas(canvas.width, canvas.height)
  contextOf(copy).drawImage(canvas, 0, 0)
  return copy
}
