import type { JSX } from 'preact'
import type { StageModel } from './stageModel.js'
import { toPane } from './viewMatrix.js'

/** A mark on the place that was pointed at. */
export function PointMark({ model }: { readonly model: StageModel }): JSX.Element | null {
  const mark = model.mark.value
  if (mark === null) return null
  const { x, y } = toPane(model.matrix.value, { x: mark.x + 0.5, y: mark.y + 0.5 })
  return <div class="stage-mark" style={{ transform: `translate(${x}px, ${y}px)` }} aria-hidden="true" />
}
