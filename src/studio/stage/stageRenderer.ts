import { effect } from '@preact/signals'
import { drawScene, panesOf, type Scene } from './drawScene.js'
import { MaskOverlay } from './maskOverlay.js'
import type { MaskPainting } from './maskPainting.js'
import { SmallerPictures } from './smallerPictures.js'
import type { StageModel } from './stageModel.js'
import { tintOf } from './tintOf.js'
import { type Area, around, common, type Size } from './viewMatrix.js'

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
  /** What the canvas shows; null for nothing. */
  #drawn: Scene | null = null
  /** Must all be drawn, whatever the scene says? */
  #other = true
  /** The px of the mask that must be drawn. */
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
        this.#ask()
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
    this.#other = true
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
    this.#other = true
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
      this.#drawn = null
    }
    if (scene === null) {
      this.#context.clearRect(0, 0, size.width, size.height)
      this.#drawn = null
      return
    }
    const changed = this.#changed(scene)
    this.#drawn = scene
    for (const area of changed) drawScene(under, scene, area, this.#pictures, this.#scratch)
    let unfinished: Area | null = null
    for (const pane of panesOf(scene.view, size.width, size.height, scene.slider)) {
      const origin = { x: scene.x + (scene.view === 'side' ? pane.x : 0), y: scene.y }
      const stained = placed(this.#stained, scene.zoom, origin)
      for (const area of [...changed, ...stained]) {
        const part = common(pane, area)
        if (part.width <= 0 || part.height <= 0) continue
        const left = this.#drawArea(part, scene.zoom, origin)
        if (left !== null) unfinished = unfinished === null ? left : around(unfinished, left)
      }
    }
    this.#stained = unfinished
    if (unfinished !== null) this.#ask()
  }

  /**
   * The areas of the canvas that must be drawn, the mask aside. What is moved by whole px is moved on the canvas, and
   * only what comes into sight is drawn.
   */
  #changed(scene: Scene): Area[] {
    const { width, height } = scene
    const whole = [{ x: 0, y: 0, width, height }]
    const drawn = this.#drawn
    if (drawn === null || this.#other) {
      this.#other = false
      return whole
    }
    const differs = (Object.keys(scene) as (keyof Scene)[]).filter((key) => scene[key] !== drawn[key])
    if (differs.length === 0) return []
    if (differs.every((key) => key === 'slider') && scene.view === 'compare') {
      const [from, to] = [drawn.slider, scene.slider].sort().map((part) => Math.round(part * width)) as [number, number]
      return [{ x: from, y: 0, width: to - from, height }]
    }
    const [dx, dy] = [scene.x - drawn.x, scene.y - drawn.y]
    const single = scene.view !== 'compare' && scene.view !== 'side'
    if (!single || !differs.every((key) => key === 'x' || key === 'y')) return whole
    if (Math.abs(dx) >= width || Math.abs(dy) >= height) return whole
    for (const context of [this.#context, this.#under.getContext('2d')!]) {
      context.globalCompositeOperation = 'copy'
      context.drawImage(context.canvas, dx, dy)
      context.globalCompositeOperation = 'source-over'
    }
    return [
      { x: dx > 0 ? 0 : width + dx, y: 0, width: Math.abs(dx), height },
      { x: 0, y: dy > 0 ? 0 : height + dy, width, height: Math.abs(dy) },
    ].filter((area) => area.width > 0 && area.height > 0)
  }

  /** @returns the px of the mask that are to be drawn again */
  #drawArea(area: Area, zoom: number, origin: { x: number; y: number }): Area | null {
    const context = this.#context
    const { x, y, width, height } = area
    context.save()
    context.beginPath()
    context.rect(x, y, width, height)
    context.clip()
    context.globalCompositeOperation = 'copy'
    context.drawImage(this.#under, x, y, width, height, x, y, width, height)
    context.globalCompositeOperation = 'source-over'
    const unfinished = this.#mask?.overlay.draw(context, { zoom, ...origin }, area) ?? null
    context.restore()
    return unfinished
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

/** The device px that px of the mask lie under, and some more to each side for what is filtered. */
function placed(stained: Area | null, zoom: number, { x, y }: { x: number; y: number }): Area[] {
  if (stained === null) return []
  const [left, top] = [Math.floor(x + stained.x * zoom) - 2, Math.floor(y + stained.y * zoom) - 2]
  const right = Math.ceil(x + (stained.x + stained.width) * zoom) + 2
  const bottom = Math.ceil(y + (stained.y + stained.height) * zoom) + 2
  return [{ x: left, y: top, width: right - left, height: bottom - top }]
}
