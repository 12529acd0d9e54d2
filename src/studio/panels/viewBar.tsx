import type { StageView } from '../stage/stageModel.js'
import type { Studio } from '../state/studio.js'
import { number, text } from '../text/strings.js'

const views = {
  result: 'viewResult',
  compare: 'viewCompare',
  side: 'viewSide',
  photo: 'viewPhoto',
  alpha: 'viewAlpha',
  layer: 'viewLayer',
  green: 'viewGreen',
} as const satisfies Record<StageView, string>

/** How the picture is looked at. */
export function ViewBar({ studio }: { readonly studio: Studio }) {
  const { stage } = studio
  return (
    <div class="view-bar" role="toolbar" aria-label={text('look')}>
      <label>
        <span class="hidden">{text('look')}</span>
        <select
          value={stage.view.value}
          onChange={(event) => (stage.view.value = event.currentTarget.value as StageView)}
        >
          {(Object.keys(views) as StageView[]).map((view) => (
            <option key={view} value={view}>
              {text(views[view])}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-label={text('zoomOut')} title={text('zoomOut')} onClick={() => stage.zoomBy(1 / 1.25)}>
        −
      </button>
      <output>{number(100 * stage.zoom.value)} %</output>
      <button type="button" aria-label={text('zoomIn')} title={text('zoomIn')} onClick={() => stage.zoomBy(1.25)}>
        +
      </button>
      <button type="button" aria-pressed={stage.fitted.value} onClick={() => stage.fit()}>
        {text('zoomFit')}
      </button>
    </div>
  )
}
