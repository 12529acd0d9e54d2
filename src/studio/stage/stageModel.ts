import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { MaskPainting } from './maskPainting.js'
import type { Brush, StrokePoint } from './maskStroke.js'
import {
  fitMatrix,
  keptInSight,
  type Point,
  scaleLimits,
  type Size,
  toPhoto,
  type ViewMatrix,
  zoomMatrix,
} from './viewMatrix.js'

/**
 * What the stage shows: photo with layers; both with a slider between; beside each other; the photo alone; the layers'
 * opacity; the layers on a checkerboard; the layers on green.
 */
export type StageView = 'result' | 'compare' | 'side' | 'photo' | 'alpha' | 'layer' | 'green'

/** With `point` a place in the photo is pointed at, which is told to `pointed`. */
export type StageTool = 'pan' | 'brush' | 'eraser' | 'point'

/** An edit layer of the photo's aspect, at any resolution. */
export interface StageLayer {
  /** A canvas that changes in place is shown anew with each new list of layers. */
  readonly picture: ImageBitmap | OffscreenCanvas
  /** [0, 1] */
  readonly opacity: number
  readonly visible: boolean
}

/** What strokes paint on. */
export interface Painting {
  /** @returns whether a stroke has begun */
  begin(point: StrokePoint, brush: Brush, erase?: boolean): boolean
  extend(points: Iterable<StrokePoint>): void
  end(): void
  /** Takes the stroke at hand back. */
  cancel(): void
  undo(): boolean
  redo(): boolean
}

const brushSizes = { least: 1, most: 4000 }

/** What a person looks at and with which tool; it knows nothing of the DOM. One matrix holds for all views. */
export class StageModel {
  /** Upright. */
  readonly photo: Signal<ImageBitmap | null> = signal(null)
  /** The photo file's own upright size, where `photo` is a smaller picture of it; null for the size of `photo`. */
  readonly photoSize: Signal<Size | null> = signal(null)
  /** Bottom to top. */
  readonly layers: Signal<readonly StageLayer[]> = signal([])
  /** While training: a whole composite, at any resolution, in place of photo and layers. */
  readonly preview: Signal<ImageBitmap | null> = signal(null)
  /** Where the words are, grey: shown as a tint over the photo. */
  readonly map: Signal<ImageBitmap | null> = signal(null)
  readonly view: Signal<StageView> = signal('result')
  /** [0, 1]: the part of the stage's width that shows the photo as it was, in view `compare`. */
  readonly slider: Signal<number> = signal(0.5)
  readonly mask: Signal<MaskPainting | null> = signal(null)
  /** What strokes paint on in place of the mask. */
  readonly painting: Signal<Painting | null> = signal(null)
  readonly maskShown: Signal<boolean> = signal(true)
  readonly tool: Signal<StageTool> = signal('pan')
  /** A place that was pointed at and is marked, px of the photo; null for none. */
  readonly mark: Signal<Point | null> = signal(null)
  /** Is told what the tool `point` points at. */
  readonly pointed: Signal<((at: Point) => void) | null> = signal(null)
  readonly brush: Signal<Brush> = signal({ size: 80, hardness: 0.8, opacity: 1 })

  /** Is the view moved whatever the tool, as long as the space bar is held? */
  readonly panHeld: Signal<boolean> = signal(false)

  /** Where the pointer is over the stage, CSS px; null elsewhere. */
  readonly pointer: Signal<Point | null> = signal(null)

  /** Of the stage, CSS px; `Stage` keeps it. */
  readonly size: Signal<Size> = signal({ width: 0, height: 0 })
  /** Device px for each CSS px; `Stage` keeps it. */
  readonly density: Signal<number> = signal(1)

  readonly #free: Signal<ViewMatrix | null> = signal(null)

  /** The photo's size, px: what matrix, brush and mask are measured in. */
  readonly extent: ReadonlySignal<Size | null> = computed(() => {
    const photo = this.photo.value
    return this.photoSize.value ?? (photo && { width: photo.width, height: photo.height })
  })

  /** The stage, or either half of it where two pictures are side by side; CSS px. */
  readonly pane: ReadonlySignal<Size> = computed(() => {
    const { width, height } = this.size.value
    return { width: this.view.value === 'side' ? width / 2 : width, height }
  })

  readonly matrix: ReadonlySignal<ViewMatrix> = computed(() => {
    const photo = this.extent.value
    if (photo === null) return { scale: 1, x: 0, y: 0 }
    const pane = this.pane.value
    const free = this.#free.value
    return free === null ? fitMatrix(photo, pane, this.density.value) : keptInSight(free, photo, pane)
  })

  /** Does the whole photo fit, whatever becomes of the stage's size? */
  readonly fitted: ReadonlySignal<boolean> = computed(() => this.#free.value === null)

  /** Device px for each photo px. */
  readonly zoom: ReadonlySignal<number> = computed(() => this.matrix.value.scale * this.density.value)

  /** The whole photo, and so it stays when the stage's size changes. */
  fit(): void {
    this.#free.value = null
  }

  /** @param at stays where it is; CSS px in the pane, its middle unless given */
  zoomBy(factor: number, at: Point = this.#middle()): void {
    this.#zoomTo(this.matrix.value.scale * factor, at)
  }

  /** @param zoom device px for each photo px: 1 shows the photo's own pixels */
  zoomTo(zoom: number, at: Point = this.#middle()): void {
    this.#zoomTo(zoom / this.density.value, at)
  }

  /** By CSS px. */
  panBy(dx: number, dy: number): void {
    const { scale, x, y } = this.matrix.value
    this.#free.value = { scale, x: x + dx, y: y + dy }
  }

  /** @param part of the stage's width */
  slideTo(part: number): void {
    this.slider.value = Math.min(1, Math.max(0, part))
  }

  /** Larger or smaller by a factor, by a pixel at least. */
  resizeBrush(factor: number): void {
    const { size } = this.brush.value
    const next = factor > 1 ? Math.max(size + 1, size * factor) : Math.min(size - 1, size * factor)
    this.#change({ size: Math.min(brushSizes.most, Math.max(brushSizes.least, Math.round(next))) })
  }

  hardenBrush(by: number): void {
    const { hardness } = this.brush.value
    this.#change({ hardness: Math.round(Math.min(1, Math.max(0, hardness + by)) * 100) / 100 })
  }

  /** Points at the px in the middle of the pane: for who has no pointer. */
  pointAtMiddle(): void {
    this.pointed.value?.(toPhoto(this.matrix.value, this.#middle()))
  }

  /** What a stroke that has begun is on. */
  get stroked(): Painting | null {
    return this.painting.value ?? this.mask.value
  }

  /** The mask, an empty one made where there is none, shown; null without a photo. */
  paintable(): MaskPainting | null {
    const photo = this.extent.value
    if (photo === null) return null
    const mask = this.mask.value ?? new MaskPainting(photo.width, photo.height)
    batch(() => {
      this.mask.value = mask
      this.maskShown.value = true
    })
    return mask
  }

  /** Another photo: nothing of the one before stays, and the whole of it is shown. */
  show(photo: ImageBitmap | null, size: Size | null = null): void {
    batch(() => {
      this.photo.value = photo
      this.photoSize.value = size
      this.view.value = 'result'
      this.layers.value = []
      this.preview.value = null
      this.map.value = null
      this.mask.value = null
      this.painting.value = null
      this.mark.value = null
      this.pointed.value = null
      this.fit()
    })
  }

  #change(change: Partial<Brush>): void {
    this.brush.value = { ...this.brush.value, ...change }
  }

  #zoomTo(scale: number, at: Point): void {
    const photo = this.extent.value
    if (photo === null) return
    const { least, most } = scaleLimits(photo, this.pane.value, this.density.value)
    this.#free.value = zoomMatrix(this.matrix.value, Math.min(most, Math.max(least, scale)), at)
  }

  #middle(): Point {
    const { width, height } = this.pane.value
    return { x: width / 2, y: height / 2 }
  }
}
