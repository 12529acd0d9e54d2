import { effect } from '@preact/signals'
import { drawScene, panesOf, type Scene } from './drawScene.js'
import { MaskOverlay, type Placed } from './maskOverlay.js'
import type { MaskPainting } from './maskPainting.js'
import { SmallerPictures } from './smallerPictures.js'
import type { StageModel } from './stageModel.js'
import { tintOf } from './tintOf.js'
import { type Area, around, common, type Point, type Size } from './viewMatrix.js'

/** A scene that takes longer, milliseconds, is drawn by single samples while it is zoomed. */
const quick = 16
/** How long after the last of a zoom's steps it is drawn as it should be, milliseconds. */
const settling = 120

/**
 * Keeps a canvas at what the model says: draws once before the next frame after something changed, and never
 * otherwise. What lies under the mask is kept as a picture of its own, so that a stroke draws only where it went.
 */
export class StageRenderer {
  readonly #canvas: HTMLCanvasElement
  readonly #context: CanvasRenderingContext2D
  readonly #model: StageModel
  readonly #pictures: SmallerPictures
  /** All but the mask as it is shown; and another canvas to draw it to when it is moved. */
  #under = new OffscreenCanvas(1, 1)
  #spare = new OffscreenCanvas(1, 1)
  readonly #scratch = new OffscreenCanvas(1, 1)
  readonly #endings: (() => void)[] = []
  #mask: { readonly painting: MaskPainting; readonly overlay: MaskOverlay } | null = null
  #frame: number | null = null
  /** What the canvas shows; null for nothing. */
  #drawn: Scene | null = null
  /** Must all be drawn, whatever the scene says? */
  #other = true
  /** Does it take long to draw all? */
  #slow = false
  /** Runs from a zoom's step until it is drawn as it should be. */
  #settling: ReturnType<typeof setTimeout> | null = null
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
    if (this.#settling !== null) clearTimeout(this.#settling)
  }

  #follow(painting: MaskPainting | null): void {
    const before = this.#mask?.painting ?? null
    if (painting === before) return
    for (const mask of [before, painting])
      if (mask !== null) this.#stain({ x: 0, y: 0, width: mask.width, height: mask.height })
    this.#mask?.overlay.close()
    this.#mask = painting && {
      painting,
      overlay: new MaskOverlay(painting, (area) => this.#stain(area)),
    }
  }

  #stain(area: Area): void {
    this.#stained = this.#stained === null ? area : around(this.#stained, area)
    this.#ask()
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
    const scene = this.#hurried(this.#scene())
    if (this.#canvas.width !== size.width || this.#canvas.height !== size.height) {
      for (const canvas of [this.#canvas, this.#under, this.#spare, this.#scratch]) {
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
    const start = performance.now()
    const zoomed = scene.zoom !== this.#drawn?.zoom
    const changed = this.#drawUnder(scene)
    const density = this.#model.density.value
    let unfinished: Area | null = null
    for (const pane of panesOf(scene.view, size.width, size.height, scene.slider)) {
      const origin = { x: scene.x + (scene.view === 'side' ? pane.x : 0), y: scene.y }
      const stained = areaOf(this.#stained, scene.zoom, origin, 2 + Math.ceil(2 * density))
      for (const area of changed[0]?.width === size.width ? changed : [...changed, ...stained]) {
        const part = common(pane, area)
        if (part.width <= 0 || part.height <= 0) continue
        const left = this.#drawArea(part, { ...origin, zoom: scene.zoom, density, smooth: scene.smooth })
        if (left !== null) unfinished = unfinished === null ? left : around(unfinished, left)
      }
    }
    // What is drawn under the mask is drawn in truth when it is taken from there, so all of it counts.
    if (zoomed && scene.smooth) this.#slow = performance.now() - start > quick
    this.#stained = unfinished
    if (unfinished !== null) this.#ask()
  }

  /**
   * Brings what lies under the mask to the scene: what is only moved, by whole px, is not drawn again, but for what
   * comes into sight.
   * @returns the areas of the canvas that look otherwise
   */
  #drawUnder(scene: Scene): Area[] {
    const { width, height } = scene
    const whole = { x: 0, y: 0, width, height }
    const drawn = this.#drawn
    this.#drawn = scene
    const differs =
      drawn === null || this.#other
        ? null
        : (Object.keys(scene) as (keyof Scene)[]).filter((key) => scene[key] !== drawn[key])
    this.#other = false
    if (differs?.length === 0) return []
    if (drawn !== null && differs !== null) {
      const only = (...keys: (keyof Scene)[]): boolean => differs.every((key) => keys.includes(key))
      if (scene.view === 'compare' && only('slider')) {
        const [from, to] = [drawn.slider, scene.slider]
          .sort((a, b) => a - b)
          .map((part) => Math.round(part * width)) as [number, number]
        const strip = { x: from, y: 0, width: to - from, height }
        this.#drawScene(scene, strip)
        return [strip]
      }
      const [dx, dy] = [scene.x - drawn.x, scene.y - drawn.y]
      const single = scene.view !== 'compare' && scene.view !== 'side'
      if (single && only('x', 'y') && Math.abs(dx) < width && Math.abs(dy) < height) {
        this.#moveUnder(dx, dy)
        if (dx !== 0) this.#drawScene(scene, { x: dx > 0 ? 0 : width + dx, y: 0, width: Math.abs(dx), height })
        if (dy !== 0) this.#drawScene(scene, { x: 0, y: dy > 0 ? 0 : height + dy, width, height: Math.abs(dy) })
        return [whole]
      }
    }
    this.#drawScene(scene, whole)
    return [whole]
  }

  #drawScene(scene: Scene, area: Area): void {
    const context = this.#under.getContext('2d')
    if (context !== null) drawScene(context, scene, area, this.#pictures, this.#scratch)
  }

  /** To the other canvas: one that is drawn to itself is copied first, which takes longer than to draw all anew. */
  #moveUnder(dx: number, dy: number): void {
    const context = this.#spare.getContext('2d')
    if (context === null) return
    context.globalCompositeOperation = 'copy'
    context.drawImage(this.#under, dx, dy)
    context.globalCompositeOperation = 'source-over'
    const moved = this.#spare
    this.#spare = this.#under
    this.#under = moved
  }

  /** @returns the px of the mask that are to be drawn again */
  #drawArea(area: Area, placed: Placed): Area | null {
    const context = this.#context
    const { x, y, width, height } = area
    context.save()
    context.beginPath()
    context.rect(x, y, width, height)
    context.clip()
    context.globalCompositeOperation = 'copy'
    context.drawImage(this.#under, x, y, width, height, x, y, width, height)
    context.globalCompositeOperation = 'source-over'
    const unfinished = this.#mask?.overlay.draw(context, placed, area) ?? null
    context.restore()
    return unfinished
  }

  /** The scene by single samples, where it is being zoomed and is not drawn in time otherwise. */
  #hurried(scene: Scene | null): Scene | null {
    if (scene === null || this.#drawn === null || !this.#slow) return scene
    if (scene.zoom !== this.#drawn.zoom) {
      if (this.#settling !== null) clearTimeout(this.#settling)
      this.#settling = setTimeout(() => {
        this.#settling = null
        this.#ask()
      }, settling)
    }
    return this.#settling === null ? scene : { ...scene, smooth: false }
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
      smooth: true,
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

/** The device px that px of the mask lie under, and `margin` more to each side for what is filtered. */
function areaOf(stained: Area | null, zoom: number, { x, y }: Point, margin: number): Area[] {
  if (stained === null) return []
  const [left, top] = [Math.floor(x + stained.x * zoom) - margin, Math.floor(y + stained.y * zoom) - margin]
  const right = Math.ceil(x + (stained.x + stained.width) * zoom) + margin
  const bottom = Math.ceil(y + (stained.y + stained.height) * zoom) + margin
  return [{ x: left, y: top, width: right - left, height: bottom - top }]
}
