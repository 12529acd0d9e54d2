import { Brush, ToolButtons } from '../panels/wherePanel.js'
import { Field } from '../parts/field.js'
import { Panel } from '../parts/panel.js'
import type { Studio } from '../state/studio.js'
import { text } from '../text/strings.js'
import type { AtlasView } from './atlasView.js'
import type { OpenClip } from './openClip.js'

/** Paint on an atlas, and the clip that comes of it. */
export function AtlasPanel({
  studio,
  clip,
  atlas,
}: {
  readonly studio: Studio
  readonly clip: OpenClip
  readonly atlas: AtlasView
}) {
  const { painting, withEdit } = atlas
  const run = studio.runs.value.find(({ name }) => name === atlas.run)
  const busy = run === undefined || run.state === 'running' || run.state === 'waiting'
  return (
    <Panel title={text('atlas')} class="where">
      <p class="help">{text('atlasHelp')}</p>
      <ToolButtons studio={studio} tools={['pan', 'brush', 'eraser']} />
      <Field label={text('colour')}>
        {(ids) => (
          <input
            {...ids}
            type="color"
            value={painting.colour.value}
            onInput={(event) => (painting.colour.value = event.currentTarget.value)}
          />
        )}
      </Field>
      <Brush studio={studio} />
      <div class="buttons">
        <button type="button" disabled={!painting.canUndo.value} onClick={() => painting.undo()}>
          {text('undo')}
        </button>
        <button type="button" disabled={!painting.canRedo.value} onClick={() => painting.redo()}>
          {text('redo')}
        </button>
        <button type="button" onClick={() => painting.clear()}>
          {text('clear')}
        </button>
      </div>
      {atlas.hasEdit && (
        <label class="inline">
          <input
            type="checkbox"
            checked={withEdit.value}
            onChange={(event) => (withEdit.value = event.currentTarget.checked)}
          />{' '}
          {text('atlasWithEdit')}
        </label>
      )}
      <button
        class="primary wide"
        type="button"
        disabled={busy}
        onClick={() => void studio.attempt(() => studio.clipResults.paint(clip, atlas))}
      >
        {text('atlasRender')}
      </button>
    </Panel>
  )
}
