import { useSignalEffect } from '@preact/signals'
import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import type { StageModel } from './stageModel.js'

/** A ring of the brush's size under the pointer. It moves without the canvas being drawn. */
export function BrushRing({ model }: { readonly model: StageModel }): JSX.Element {
  const ring = useRef<HTMLDivElement>(null)
  useSignalEffect(() => {
    const at = model.pointer.value
    const shown =
      at !== null &&
      (model.tool.value === 'brush' || model.tool.value === 'eraser') &&
      !model.panHeld.value &&
      model.extent.value !== null
    const size = model.brush.value.size * model.matrix.value.scale
    const { current } = ring
    if (current === null) return
    current.hidden = !shown
    if (!shown) return
    current.style.width = current.style.height = `${size}px`
    current.style.transform = `translate(${at.x - size / 2 - 1}px, ${at.y - size / 2 - 1}px)`
  })
  return <div ref={ring} class="stage-ring" hidden aria-hidden="true" />
}
