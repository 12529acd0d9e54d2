import { effect } from '@preact/signals'
import { drawScene, panesOf, type Scene } from './drawScene.js'
import { around, MaskOverlay } from './maskOverlay.js'
import type { MaskPainting } from './maskPainting.js'
import { SmallerPictures } from './smallerPictures.js'
import type { StageModel } from './stageModel.js'
import { tintOf } from './tintOf.js'
import type { Area, Size } from './viewMatrix.js'

/**
 * Keeps a canvas at what the model says: draws once before the next frame after something changed, and never
 * otherwise. What lies under the mask is kept as a picture of its own, so that a stroke draws only where it went.
 */
export class StageRenderer {
  readonly #canvas: HTMLCanvasElement
  readonly #context: CanvasRenderingContext2D
  readonly #model: StageModel
  readonly #pictures: SmallerPictures
  readonly #under = new OffscreenCanvas(1, 1)
  readonly #scratch = new OffscreenCanvas(1, 1)
  readonly #endings: (() => void)[] = []
  #mask: { readonly painting: MaskPainting; readonly overlay: MaskOverlay } | null = null
  #frame: number | null = null
  /** Whether all must be drawn, or else which px of the mask. */
  #all = true
  #stained: Area | null = null

  constructor(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D, model: StageModel) {
    this.#canvas = canvas
    this.#context = context
    this.#model = model
    this.#pictures = new SmallerPictures(() => this.#invalidate())
    this.#endings.push(
      effect(() => {
        this.#scene()
        this.#follow(model.maskShown.value ? model.mask.value : null)
        this.#invalidate()
      }),
    )
  }

  close(): void {
    for (const end of this.#endings) end()
    this.#follow(null)
    if (this.#frame !== null) cancelAnimationFrame(this.#frame)
  }

  #follow(painting: MaskPainting | null): void {
    if (painting === (this.#mask?.painting ?? null)) return
    this.#mask?.overlay.close()
    this.#mask = painting && {
      painting,
      overlay: new MaskOverlay(painting, (area) => {
        this.#stained = this.#stained === null ? area : around(this.#stained, area)
        this.#ask()
      }),
    }
  }

  #invalidate(): void {
    this.#all = true
    this.#ask()
  }

  #ask(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null
      this.#draw()
    })
  }

  #draw(): void {
    const size = this.#deviceSize()
    const scene = this.#scene()
    const under = this.#under.getContext('2d')
    if (under === null) return
    if (this.#canvas.width !== size.width || this.#canvas.height !== size.height) {
      for (const canvas of [this.#canvas, this.#under, this.#scratch]) {
        canvas.width = size.width
        canvas.height = size.height
      }
      this.#all = true
    }
    if (scene === null) {
      this.#context.clearRect(0, 0, size.width, size.height)
      return
    }
    if (this.#all) drawScene(under, scene, this.#pictures, this.#scratch)
    this.#context.setTransform(1, 0, 0, 1, 0, 0)
    let finished = true
    for (const pane of panesOf(scene.view, size.width, size.height, scene.slider)) {
      const origin = { x: scene.x + (scene.view === 'side' ? pane.x : 0), y: scene.y }
      const area = this.#all ? pane : placedIn(pane, this.#stained, scene.zoom, origin)
      if (area !== null && area.width > 0 && area.height > 0)
        finished = this.#drawArea(area, scene.zoom, origin) && finished
    }
    this.#all = false
    this.#stained = finished ? null : { x: 0, y: 0, ...scene.extent }
    if (!finished) this.#ask()
  }

  #drawArea(area: Area, zoom: number, origin: { x: number; y: number }): boolean {
    const context = this.#context
    const { x, y, width, height } = area
    context.save()
    context.beginPath()
    context.rect(x, y, width, height)
    context.clip()
    context.globalCompositeOperation = 'copy'
    context.drawImage(this.#under, x, y, width, height, x, y, width, height)
    context.globalCompositeOperation = 'source-over'
    const finished = this.#mask?.overlay.draw(context, { zoom, ...origin }, area) ?? true
    context.restore()
    return finished
  }

  #deviceSize(): Size {
    const { width, height } = this.#model.size.value
    const density = this.#model.density.value
    return { width: Math.max(1, Math.round(width * density)), height: Math.max(1, Math.round(height * density)) }
  }

  #scene(): Scene | null {
    const { photo, extent, layers, preview, map, view, slider, matrix, density } = this.#model
    const { scale, x, y } = matrix.value
    const scene = {
      view: view.value,
      layers: layers.value,
      preview: preview.value,
      tint: map.value && tintOf(map.value),
      slider: slider.value,
      zoom: scale * density.value,
      // At whole device px a photo that is moved does not shimmer.
      x: Math.round(x * density.value),
      y: Math.round(y * density.value),
      ...this.#deviceSize(),
    }
    if (photo.value === null || extent.value === null) return null
    return { ...scene, photo: photo.value, extent: extent.value }
  }
}

/** The device px of a pane that px of the mask lie under, and one more to each side for what is filtered. */
function placedIn(pane: Area, stained: Area | null, zoom: number, { x, y }: { x: number; y: number }): Area | null {
  if (stained === null) return null
  const left = Math.max(pane.x, Math.floor(x + stained.x * zoom) - 2)
  const top = Math.max(pane.y, Math.floor(y + stained.y * zoom) - 2)
  const right = Math.min(pane.x + pane.width, Math.ceil(x + (stained.x + stained.width) * zoom) + 2)
  const bottom = Math.min(pane.y + pane.height, Math.ceil(y + (stained.y + stained.height) * zoom) + 2)
  return { x: left, y: top, width: right - left, height: bottom - top }
}
