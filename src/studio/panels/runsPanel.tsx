import { useSignal } from '@preact/signals'
import type { RunEntry } from '../../session/runHost.js'
import { Panel } from '../parts/panel.js'
import { pickFile } from '../parts/pickFile.js'
import { takeFocus } from '../parts/takeFocus.js'
import { Thumbnail } from '../parts/thumbnail.js'
import type { Studio } from '../state/studio.js'
import { text } from '../text/strings.js'
import { stateTexts } from './stateTexts.js'

/** Everything that was made and that waits: the queue first, in its order. */
export function RunsPanel({ studio }: { readonly studio: Studio }) {
  const runs = studio.runs.value
  const waiting = runs.filter(({ state }) => state === 'waiting')
  return (
    <Panel title={text('runs')} class="runs">
      {runs.length === 0 && <p class="help">{text('runsNone')}</p>}
      <ul>
        {runs.map((run) => (
          <Run key={run.name} studio={studio} run={run} place={waiting.indexOf(run)} isLast={run === waiting.at(-1)} />
        ))}
      </ul>
      <button
        type="button"
        onClick={() =>
          void studio.attempt(async () => {
            const file = await pickFile('.zip,application/zip')
            if (file !== null) await studio.bring(file)
          })
        }
      >
        {text('runsBring')}
      </button>
    </Panel>
  )
}

function Run({
  studio,
  run,
  place,
  isLast,
}: {
  readonly studio: Studio
  readonly run: RunEntry
  /** Among those that wait; -1 for one that does not. */
  readonly place: number
  /** Does it wait behind all others? */
  readonly isLast: boolean
}) {
  const deleting = useSignal(false)
  // Of a run that works the list is told with its previews, its own events at each step.
  const step = (run.state === 'running' ? studio.watch(run.name).steps.value.at(-1)?.step : undefined) ?? run.step
  return (
    <li class="run" data-state={run.state}>
      <button
        type="button"
        class="run-open"
        title={text('runsOpen')}
        onClick={() => void studio.attempt(() => studio.openRun(run))}
      >
        <Thumbnail studio={studio} run={run} />
        <span class="run-title">{run.title}</span>
        <small>
          {text(stateTexts[run.state])} {step}/{run.settings.steps} · {text('seedIs', { seed: run.settings.seed })}
        </small>
      </button>
      {deleting.value ? (
        <div
          role="alertdialog"
          aria-label={text('runsDelete', { name: run.title })}
          class="ask"
          onKeyDown={({ key }) => key === 'Escape' && (deleting.value = false)}
        >
          <p>{text('runsDelete', { name: run.title })}</p>
          <div class="buttons">
            <button type="button" class="danger" onClick={() => void studio.ask(run.name, { do: 'delete' })}>
              {text('remove')}
            </button>
            <button type="button" ref={takeFocus} onClick={() => (deleting.value = false)}>
              {text('cancel')}
            </button>
          </div>
        </div>
      ) : (
        <div class="buttons">
          {place > 0 && (
            <button type="button" onClick={() => void studio.ask(run.name, { do: 'move', place: place - 1 })}>
              {text('runsUp')}
            </button>
          )}
          {place >= 0 && !isLast && (
            <button type="button" onClick={() => void studio.ask(run.name, { do: 'move', place: place + 1 })}>
              {text('runsDown')}
            </button>
          )}
          {place >= 0 && (
            <button type="button" onClick={() => void studio.ask(run.name, { do: 'stop' })}>
              {text('cancel')}
            </button>
          )}
          {(run.kind === 'clip') === (studio.clip.value !== null) && (
            <button type="button" onClick={() => studio.draft.recall(run.settings)}>
              {text('runsRecall')}
            </button>
          )}
          <button type="button" onClick={() => (deleting.value = true)}>
            {text('remove')}
          </button>
        </div>
      )}
    </li>
  )
}
