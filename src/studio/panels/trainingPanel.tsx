import { useEffect } from 'preact/hooks'
import type { PhotoEntry, RunEntry } from '../../session/runHost.js'
import { Panel } from '../parts/panel.js'
import { RunFault } from '../parts/runFault.js'
import { Thumbnail } from '../parts/thumbnail.js'
import type { Phase } from '../state/runWatch.js'
import type { Studio } from '../state/studio.js'
import { bytesText, number, text, timeText } from '../text/strings.js'
import { StageProgress } from '../clip/stageList.js'
import { Losses } from './losses.js'
import { stateTexts } from './stateTexts.js'

/** The run of the selected edit: how far it is, what it costs, the hand on it. */
export function TrainingPanel({ studio }: { readonly studio: Studio }) {
  const run = studio.run.value
  useEffect(() => {
    if (run !== null && studio.watch(run.name).steps.value.length === 0)
      void studio.attempt(() => studio.readEvents(run.name))
  }, [run?.name])
  if (run === null) return null
  return (
    <Panel title={text('training')} class="training">
      {run.kind === 'clip' ? (
        <StageProgress watch={studio.watch(run.name)} run={run} />
      ) : (
        <Progress studio={studio} run={run} />
      )}
      <Controls studio={studio} run={run} />
      <Variations studio={studio} />
      <Notes notes={studio.watch(run.name).notes.value} />
      <Losses key={run.name} watch={studio.watch(run.name)} />
    </Panel>
  )
}

function phaseText(phase: Phase): string {
  if (phase.kind === 'model') return text('phaseModel', { name: phase.name })
  if (phase.kind === 'compile') return text('phaseCompile', { width: phase.width, height: phase.height })
  return text('phaseWriting')
}

function Progress({ studio, run }: { readonly studio: Studio; readonly run: PhotoEntry }) {
  const watch = studio.watch(run.name)
  const latest = watch.steps.value.at(-1)
  const working = run.state === 'running'
  const phase = watch.phase.value
  const { steps } = run.settings
  const details = [
    // The last step before more were asked for knows nothing of them.
    working && latest?.steps === steps ? text('timeLeft', { time: timeText(latest.secondsLeft) }) : null,
    working && latest !== undefined ? text('secondsEach', { seconds: number(latest.seconds, 1) }) : null,
    latest === undefined ? null : text('onDevice', { device: latest.device }),
    working && latest?.memory !== undefined ? text('memory', { size: bytesText(latest.memory) }) : null,
    text('seedIs', { seed: run.settings.seed }),
  ].filter((detail) => detail !== null)
  return (
    <div class="progress" data-state={run.state}>
      <p>
        <strong>{text(stateTexts[run.state])}</strong> {text('stepOf', { step: run.step, steps })}
        {working && phase !== null && <span class="phase"> ({phaseText(phase)})</span>}
      </p>
      <progress value={run.step} max={steps} aria-label={text('training')} />
      <p class="help">{details.join(' · ')}</p>
      <RunFault error={run.error} />
    </div>
  )
}

function Controls({ studio, run }: { readonly studio: Studio; readonly run: RunEntry }) {
  const { kind, name, state, step } = run
  return (
    <div class="buttons">
      {
        // One button, so that who holds a run by the keyboard is still on it to let it go.
        state !== 'waiting' && state !== 'finished' && (
          <button type="button" onClick={() => void studio.ask(name, { do: state === 'running' ? 'pause' : 'go' })}>
            {text(state === 'running' ? 'pause' : 'go')}
          </button>
        )
      }
      {(state === 'running' || state === 'paused' || state === 'waiting') && (
        <button type="button" onClick={() => void studio.ask(name, { do: 'stop' })}>
          {text('stop')}
        </button>
      )}
      {state === 'stopped' && kind === 'clip' && step > 0 && (
        <button type="button" onClick={() => void studio.ask(name, { do: 'render' })}>
          {text('writeClips')}
        </button>
      )}
      {state !== 'failed' && (
        <button type="button" onClick={() => void studio.train(run, 50)}>
          {text('more')}
        </button>
      )}
    </div>
  )
}

/** The runs of one edit beside each other, to pick one. */
function Variations({ studio }: { readonly studio: Studio }) {
  const layer = studio.layers.selected.value
  if (layer === null || layer.runs.length < 2) return null
  const entries = layer.runs.flatMap((name) => studio.runs.value.find((run) => run.name === name) ?? [])
  return (
    <div class="variations" role="radiogroup" aria-label={text('variationsPick')}>
      {entries.map((run) => (
        <button
          key={run.name}
          type="button"
          role="radio"
          aria-checked={run.name === layer.chosen}
          onClick={() => studio.layers.change(layer.id, (one) => ({ ...one, chosen: run.name }))}
        >
          <Thumbnail studio={studio} run={run} />
          <span>{text('seedIs', { seed: run.settings.seed })}</span>
        </button>
      ))}
    </div>
  )
}

function Notes({ notes }: { readonly notes: readonly string[] }) {
  if (notes.length === 0) return null
  return (
    <details class="notes">
      <summary>
        {text('notes')} <span class="badge">{notes.length}</span>
      </summary>
      <ul>
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </details>
  )
}
