import { useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { RunEntry } from '../../session/runHost.js'
import { Panel } from '../parts/panel.js'
import { Slider } from '../parts/slider.js'
import { takeFocus } from '../parts/takeFocus.js'
import { Thumbnail } from '../parts/thumbnail.js'
import type { EditLayer } from '../state/layers.js'
import type { Studio } from '../state/studio.js'
import { number, text } from '../text/strings.js'

/** The edits over the photo or the clip, the top one first. */
export function LayersPanel({ studio }: { readonly studio: Studio }) {
  const list = studio.layers.list.value
  return (
    <Panel title={text('layers')} class="layers">
      {list.length === 0 && <p class="help">{text('layersNone')}</p>}
      <ol>
        {[...list].reverse().map((layer) => {
          const run = studio.runs.value.find(({ name }) => name === layer.chosen)
          return <Layer key={layer.id} studio={studio} layer={layer} run={run} />
        })}
        <li class="layer base">
          <span>{text(studio.clip.value === null ? 'photoLayer' : 'clipLayer')}</span>
        </li>
      </ol>
    </Panel>
  )
}

function Layer({
  studio,
  layer,
  run,
}: {
  readonly studio: Studio
  readonly layer: EditLayer
  readonly run: RunEntry | undefined
}) {
  const { layers } = studio
  const renaming = useSignal(false)
  const renamed = useRef(false)
  const endRenaming = (): void => {
    renaming.value = false
    renamed.current = true
  }
  const name = run?.title ?? layer.chosen
  const selected = layers.selectedId.value === layer.id
  const change = (part: Partial<EditLayer>): void => layers.change(layer.id, (one) => ({ ...one, ...part }))
  return (
    <li class="layer" aria-current={selected}>
      <div class="layer-head">
        <input
          type="checkbox"
          checked={layer.visible}
          aria-label={text('layerShow', { name })}
          title={text('layerShow', { name })}
          onChange={(event) => change({ visible: event.currentTarget.checked })}
        />
        {run !== undefined && <Thumbnail studio={studio} run={run} />}
        {renaming.value ? (
          <input
            class="name"
            value={name}
            aria-label={text('layerName')}
            ref={takeFocus}
            onBlur={() => (renaming.value = false)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') endRenaming()
              const title = event.currentTarget.value.trim()
              if (event.key !== 'Enter' || title === '') return
              endRenaming()
              void studio.ask(layer.chosen, { do: 'rename', title })
            }}
          />
        ) : (
          <button
            type="button"
            class="name"
            aria-pressed={selected}
            ref={(button) => {
              if (button === null || !renamed.current) return
              renamed.current = false
              button.focus()
            }}
            onClick={() => (layers.selectedId.value = layer.id)}
          >
            {name}
          </button>
        )}
      </div>
      {selected && (
        <>
          <Slider
            label={text('opacity')}
            name={text('layerOpacity', { name })}
            value={layer.opacity}
            min={0}
            max={1}
            step={0.01}
            shown={`${number(100 * layer.opacity)} %`}
            onInput={(opacity) => change({ opacity })}
          />
          {run !== undefined && layers.isMoved(layer, run) && <p class="help">{text('layersMoved')}</p>}
          <div class="buttons">
            {(
              [
                [1, '↑', 'layerUp'],
                [-1, '↓', 'layerDown'],
              ] as const
            ).map(([by, arrow, label]) => (
              <button
                key={label}
                type="button"
                aria-label={text(label)}
                title={text(label)}
                disabled={layers.list.value.at(by === 1 ? -1 : 0)?.id === layer.id}
                onClick={() => layers.move(layer.id, by)}
              >
                {arrow}
              </button>
            ))}
            {run !== undefined && (
              <button
                type="button"
                onClick={() => {
                  studio.draft.recall(run.settings)
                  studio.editing.value = layer.id
                }}
              >
                {text('layerEdit')}
              </button>
            )}
            <button type="button" onClick={() => (renaming.value = true)}>
              {text('layerRename')}
            </button>
            <button type="button" onClick={() => layers.remove(layer.id)}>
              {text('layerRemove')}
            </button>
          </div>
        </>
      )}
    </li>
  )
}
