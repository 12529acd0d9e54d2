import type { StageModel } from './stageModel.js'
import type { StrokePoint } from './maskStroke.js'
import { type Point, toPhoto } from './viewMatrix.js'

/** The button that the other end of a pen is, which rubs out whatever the tool. */
const penRubber = 5

/** What a pointer that is down does. */
type Deed = 'pan' | 'paint' | null

/**
 * Wheel, pinch, drags and strokes on the stage's element. One finger, pen or mouse does what the tool does; two
 * fingers, the middle button or a held space bar move the view.
 * @returns ends it
 */
export function followGestures(element: HTMLElement, model: StageModel): () => void {
  const ends = new AbortController()
  const { signal } = ends
  /** Where the pointers are that are down, CSS px from the element's corner. */
  const down = new Map<number, Point>()
  let deed: Deed = null
  /** The corner of the pane that a stroke began in: it goes on in it. */
  let paneStart = 0

  const placeOf = ({ clientX, clientY }: MouseEvent): Point => {
    const { left, top } = element.getBoundingClientRect()
    return { x: clientX - left, y: clientY - top }
  }
  const paneAt = ({ x }: Point): number => {
    const { width } = model.pane.value
    return model.view.value === 'side' && x >= width ? width : 0
  }
  const inPane = (at: Point, start = paneAt(at)): Point => ({ x: at.x - start, y: at.y })
  const strokePoint = (event: PointerEvent): StrokePoint => ({
    ...toPhoto(model.matrix.value, inPane(placeOf(event), paneStart)),
    // A mouse and most fingers tell one half whatever they do.
    pressure: event.pointerType === 'pen' ? event.pressure : 1,
  })

  const wheel = (event: WheelEvent): void => {
    event.preventDefault()
    // Lines and pages as px; a pinch on a touchpad comes as a wheel with Ctrl and small steps.
    const unit = [1, 16, 400][event.deltaMode] ?? 1
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit]
    if (event.shiftKey && !event.ctrlKey) model.panBy(-(dx || dy), dx === 0 ? 0 : -dy)
    else model.zoomBy(Math.exp(-dy * (event.ctrlKey ? 0.01 : 0.002)), inPane(placeOf(event)))
  }

  const press = (event: PointerEvent): void => {
    const rubber = event.button === penRubber
    if (event.button > 1 && !rubber) return
    element.setPointerCapture(event.pointerId)
    const at = placeOf(event)
    down.set(event.pointerId, at)
    if (down.size > 1) {
      // What began as a stroke was the first finger of a pinch.
      if (deed === 'paint') model.stroked?.cancel()
      deed = null
      return
    }
    if (event.button === 1) event.preventDefault()
    deed = 'pan'
    if (event.button === 1 || model.panHeld.value || (model.tool.value === 'pan' && !rubber)) return
    paneStart = paneAt(at)
    if (model.tool.value === 'point' && !rubber) {
      deed = null
      model.pointed.value?.(toPhoto(model.matrix.value, inPane(at, paneStart)))
      return
    }
    const erase = rubber || model.tool.value === 'eraser'
    const painted = (model.painting.value ?? model.paintable())?.begin(strokePoint(event), model.brush.value, erase)
    deed = painted === true ? 'paint' : null
  }

  const move = (event: PointerEvent): void => {
    model.pointer.value = event.pointerType === 'touch' ? null : placeOf(event)
    const before = down.get(event.pointerId)
    if (before === undefined) return
    const at = placeOf(event)
    down.set(event.pointerId, at)
    if (down.size === 2) pinch(event.pointerId, before, at)
    else if (deed === 'pan') model.panBy(at.x - before.x, at.y - before.y)
    else if (deed === 'paint') {
      const events = event.getCoalescedEvents()
      model.stroked?.extend((events.length > 0 ? events : [event]).map(strokePoint))
    }
  }

  const pinch = (moved: number, before: Point, at: Point): void => {
    const other = [...down].find(([id]) => id !== moved)?.[1]
    if (other === undefined) return
    const distance = (a: Point): number => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y))
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 }
    model.panBy((at.x - before.x) / 2, (at.y - before.y) / 2)
    model.zoomBy(distance(at) / distance(before), inPane(middle))
  }

  const lift = (event: PointerEvent): void => {
    if (!down.delete(event.pointerId)) return
    if (deed === 'paint') model.stroked?.end()
    // A finger that is left of a pinch does nothing until it is put down again.
    deed = null
  }

  const space = (event: KeyboardEvent): void => {
    if (event.key !== ' ') return
    event.preventDefault()
    model.panHeld.value = event.type === 'keydown'
  }
  const release = (): void => {
    model.panHeld.value = false
  }

  element.addEventListener('wheel', wheel, { passive: false, signal })
  element.addEventListener('pointerdown', press, { signal })
  element.addEventListener('pointermove', move, { signal })
  element.addEventListener('pointerleave', () => (model.pointer.value = null), { signal })
  element.addEventListener('pointerup', lift, { signal })
  element.addEventListener('pointercancel', lift, { signal })
  element.addEventListener('keydown', space, { signal })
  element.addEventListener('keyup', space, { signal })
  element.addEventListener('blur', release, { signal })
  return () => ends.abort()
}
