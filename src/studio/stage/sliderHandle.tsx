import type { JSX } from 'preact'
import type { StageModel } from './stageModel.js'

interface SliderHandleProps {
  readonly model: StageModel
  readonly label: string
  readonly text: ((percent: number) => string) | undefined
}

/** What each key does to the slider's place. */
const moves: Readonly<Record<string, (at: number) => number>> = {
  ArrowLeft: (at) => at - 0.01,
  ArrowDown: (at) => at - 0.01,
  ArrowRight: (at) => at + 0.01,
  ArrowUp: (at) => at + 0.01,
  PageDown: (at) => at - 0.1,
  PageUp: (at) => at + 0.1,
  Home: () => 0,
  End: () => 1,
}

/** The line between before and after, to be dragged or moved by keys. */
export function SliderHandle({ model, label, text }: SliderHandleProps): JSX.Element {
  const percent = Math.round(model.slider.value * 100)
  const drag = (event: PointerEvent & { currentTarget: HTMLElement }): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
    const { left, width } = event.currentTarget.parentElement!.getBoundingClientRect()
    model.slideTo((event.clientX - left) / width)
  }
  return (
    <div
      class="stage-slider"
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-orientation="horizontal"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={text?.(percent) ?? `${percent} %`}
      style={{ left: `${model.slider.value * 100}%` }}
      onKeyDown={(event) => {
        const move = moves[event.key]
        if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return
        event.preventDefault()
        event.stopPropagation()
        // Steps of whole percents stay whole, whatever a drag left.
        model.slideTo(Math.round(move(model.slider.value) * 100) / 100)
      }}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        event.currentTarget.focus()
        event.preventDefault()
      }}
      onPointerMove={drag}
    >
      <span class="stage-slider-grip" aria-hidden="true" />
    </div>
  )
}
