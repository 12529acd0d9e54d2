import { useLayoutEffect, useRef } from 'preact/hooks'
import type { JSX } from 'preact'
import { Text2LiveError } from '../../errors.js'
import { BrushRing } from './brushRing.js'
import { followGestures } from './followGestures.js'
import { handleStageKey } from './handleStageKey.js'
import { SliderHandle } from './sliderHandle.js'
import type { StageModel } from './stageModel.js'
import { StageRenderer } from './stageRenderer.js'
import { toPane } from './viewMatrix.js'

export interface StageProps {
  readonly model: StageModel
  /** What a screen reader calls the stage. */
  readonly label: string
  /** What it calls the slider between before and after. */
  readonly sliderLabel: string
  /** What it says of the slider's place; a percentage unless given. */
  readonly sliderText?: (percent: number) => string
  /** What stands over the stage while a change of the whole mask is made. */
  readonly workingLabel: string
}

const whole = { position: 'absolute', inset: 0 } as const

/**
 * The view on the photo, as large as the element around it, which needs a position. It is looked at by wheel, pinch and
 * keys, and painted on where the tool is a brush and the photo has a mask.
 */
export function Stage({ model, label, sliderLabel, sliderText, workingLabel }: StageProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  // Before the next frame: whoever is quick finds the stage at work.
  useLayoutEffect(() => {
    const [element, surface] = [host.current, canvas.current]
    if (element === null || surface === null) return
    const context = surface.getContext('2d')
    if (context === null)
      throw new Text2LiveError('DEVICE_UNAVAILABLE', 'Expected a canvas to draw on, and this browser gave none.')
    const unwatch = watchSize(element, model)
    const renderer = new StageRenderer(surface, context, model)
    const unfollow = followGestures(element, model)
    return () => {
      unfollow()
      renderer.close()
      unwatch()
    }
  }, [model])
  return (
    <div class="stage" style={{ ...whole, overflow: 'hidden' }}>
      <div
        ref={host}
        class="stage-surface"
        role="application"
        aria-label={label}
        tabIndex={0}
        style={{ ...whole, touchAction: 'none', userSelect: 'none', cursor: cursorOf(model) }}
        onKeyDown={(event) => {
          if (handleStageKey(model, event)) event.preventDefault()
        }}
      >
        <canvas ref={canvas} style={{ ...whole, width: '100%', height: '100%', display: 'block' }} />
      </div>
      <BrushRing model={model} />
      <PointMark model={model} />
      <p class="stage-status" role="status">
        {model.mask.value?.working.value === true && workingLabel}
      </p>
      {model.view.value === 'compare' && <SliderHandle model={model} label={sliderLabel} text={sliderText} />}
    </div>
  )
}

function cursorOf(model: StageModel): string {
  if (model.tool.value === 'pan' || model.panHeld.value) return 'grab'
  if (model.tool.value === 'point') return 'crosshair'
  // A ring that is too small to be seen is no help.
  return model.brush.value.size * model.matrix.value.scale < 8 ? 'crosshair' : 'none'
}

/** Keeps the model's size and density at the element's and the screen's. */
function watchSize(element: HTMLElement, model: StageModel): () => void {
  const measure = (): void => {
    const { width, height } = element.getBoundingClientRect()
    const { value } = model.size
    if (value.width !== width || value.height !== height) model.size.value = { width, height }
    model.density.value = devicePixelRatio
  }
  const observer = new ResizeObserver(measure)
  observer.observe(element)
  let screen: MediaQueryList | null = null
  const watchScreen = (): void => {
    screen?.removeEventListener('change', watchScreen)
    screen = matchMedia(`(resolution: ${devicePixelRatio}dppx)`)
    screen.addEventListener('change', watchScreen)
    measure()
  }
  watchScreen()
  return () => {
    observer.disconnect()
    screen?.removeEventListener('change', watchScreen)
  }
}

/** A mark on the place that was pointed at. */
function PointMark({ model }: Pick<StageProps, 'model'>): JSX.Element | null {
  const mark = model.mark.value
  if (mark === null) return null
  const { x, y } = toPane(model.matrix.value, { x: mark.x + 0.5, y: mark.y + 0.5 })
  return <div class="stage-mark" style={{ transform: `translate(${x}px, ${y}px)` }} aria-hidden="true" />
}
