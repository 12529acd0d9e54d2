import type { ClipEntry } from '../../session/runHost.js'
import { stageNames, type StageName } from '../../session/videoEvents.js'
import type { RunWatch } from '../state/runWatch.js'
import { stateTexts } from '../panels/stateTexts.js'
import { RunFault } from '../parts/runFault.js'
import { number, text, timeText } from '../text/strings.js'

export const stageTexts = {
  clip: 'stageClip',
  flow: 'stageFlow',
  masks: 'stageMasks',
  atlas: 'stageAtlas',
  training: 'stageTraining',
  rendering: 'stageRendering',
  metrics: 'stageMetrics',
} as const satisfies Record<StageName, string>

/** The stages of a clip's run, and how far the one at hand is. */
export function StageProgress({ watch, run }: { readonly watch: RunWatch; readonly run: ClipEntry }) {
  const working = run.state === 'running'
  const progress = watch.progress.value
  const at = run.state === 'finished' ? stageNames.length : run.stage === null ? 0 : stageNames.indexOf(run.stage)
  const latest = watch.steps.value.at(-1)
  const known = working && progress !== null && progress.total !== null ? progress : null
  const details = [
    working && run.stage === 'training' && latest !== undefined
      ? text('stepOf', { step: latest.step, steps: latest.steps })
      : null,
    known === null || known.layer === null
      ? null
      : text(known.layer === 'foreground' ? 'layerForeground' : 'layerBackground'),
    known === null || known.secondsLeft === null ? null : text('timeLeft', { time: timeText(known.secondsLeft) }),
    working && run.stage === 'training' && latest !== undefined
      ? text('secondsEach', { seconds: number(latest.seconds, 1) })
      : null,
    latest === undefined ? null : text('onDevice', { device: latest.device }),
    text('seedIs', { seed: run.settings.seed }),
  ].filter((detail) => detail !== null)
  return (
    <div class="progress" data-state={run.state}>
      <p>
        <strong>{text(stateTexts[run.state])}</strong>
        {run.stage !== null && run.state !== 'finished' && ` ${text(stageTexts[run.stage])}`}
      </p>
      <ol class="stages">
        {stageNames.map((stage, i) => (
          <li key={stage} data-done={i < at} aria-current={working && i === at ? 'step' : undefined}>
            {text(stageTexts[stage])}
          </li>
        ))}
      </ol>
      {run.state !== 'finished' && (
        <progress
          {...(known === null ? (working ? {} : { value: 0 }) : { value: known.done })}
          max={known?.total ?? 1}
          aria-label={text('training')}
        />
      )}
      <p class="help">{details.join(' · ')}</p>
      <RunFault error={run.error} />
    </div>
  )
}
