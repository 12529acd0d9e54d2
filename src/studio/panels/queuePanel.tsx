import { useEffect, useState } from 'preact/hooks'
import { type Signal, useSignal } from '@preact/signals'
import { Text2LiveError } from '../../errors.js'
import type { QueueContents, QueueHost, QueueJob, QueueJobState, QueueRequest } from '../../session/jobQueue.js'
import { stageTexts } from '../clip/stageList.js'
import { Panel } from '../parts/panel.js'
import { RunFault } from '../parts/runFault.js'
import { saveFile } from '../parts/saveFile.js'
import type { Studio } from '../state/studio.js'
import { number, text, timeText } from '../text/strings.js'

/** Milliseconds between two looks at a queue. */
const lookEvery = 2_000

/** In the order of the page. Those that wait, and those that are done, may be many. */
const groups = [
  { state: 'working', name: 'queueWorking', open: true },
  { state: 'failed', name: 'queueFailed', open: true },
  { state: 'waiting', name: 'queueWaiting', open: false },
  { state: 'delayed', name: 'queueDelayed', open: false },
  { state: 'done', name: 'queueDone', open: true },
] as const satisfies readonly { readonly state: QueueJobState; readonly name: string; readonly open: boolean }[]

/** What many machines work on, where the host was given a queue; nothing else. */
export function QueuePanel({ studio }: { readonly studio: Studio }) {
  const queue = studio.host.queue
  const contents = useSignal<QueueContents | null>(null)
  const problem = useSignal<string | null>(null)
  useEffect(() => (queue === undefined ? undefined : follow(queue, contents, problem)), [queue])
  if (queue === undefined || (contents.value === null && problem.value === null)) return null
  const { place, counts, jobs } = contents.value ?? { place: null, counts: null, jobs: [] }
  const ask = (job: QueueJob, request: QueueRequest): void =>
    void studio.attempt(async () => {
      await queue.ask(job.job, request)
      contents.value = await queue.contents()
    })
  return (
    <Panel title={text('queue')} class="runs">
      {place !== null && <p class="help">{place}</p>}
      {problem.value !== null && (
        <p class="error" role="status">
          {problem.value}
        </p>
      )}
      {jobs.length === 0 && problem.value === null && <p class="help">{text('queueNone')}</p>}
      {groups.map(({ state, name, open }) => {
        const own = jobs.filter((job) => job.state === state)
        const more = (counts?.[state] ?? 0) - own.length
        if (own.length === 0) return null
        return (
          <details key={state} open={open}>
            <summary>{text(name, { count: counts?.[state] ?? own.length })}</summary>
            <ul>
              {own.map((job) => (
                <Job key={job.job} studio={studio} queue={queue} job={job} ask={ask} />
              ))}
            </ul>
            {more > 0 && <p class="help">{text('queueMore', { count: more })}</p>}
          </details>
        )
      })}
    </Panel>
  )
}

interface JobProps {
  readonly studio: Studio
  readonly queue: QueueHost
  readonly job: QueueJob
  readonly ask: (job: QueueJob, request: QueueRequest) => void
}

function Job({ studio, queue, job, ask }: JobProps) {
  const { out, prompt, state, progress } = job
  const details = [
    prompt === out ? null : prompt,
    progress === null ? null : placeText(progress),
    progress === null || progress.loss === null ? null : text('queueLoss', { loss: number(progress.loss, 3) }),
    progress === null ? null : text('queueWorker', { worker: progress.worker }),
    state !== 'working' || progress === null || progress.secondsLeft === null
      ? null
      : text('timeLeft', { time: timeText(progress.secondsLeft) }),
  ].filter((detail) => detail !== null && detail !== '')
  return (
    <li class="run" data-state={state}>
      <div class="job-head">
        <JobPicture queue={queue} job={job} />
        <span class="run-title">{out}</span>
        <small>{details.join(' · ')}</small>
      </div>
      {state === 'working' && progress !== null && (
        <progress aria-label={text('queueProgress', { name: out })} value={progress.step} max={progress.steps} />
      )}
      <RunFault error={job.error} />
      {state === 'done' && <JobFiles studio={studio} queue={queue} job={job} />}
      {state !== 'done' && (
        <div class="buttons">
          {state === 'failed' ? (
            <button type="button" onClick={() => ask(job, { do: 'retry' })}>
              {text('queueRetry')}
            </button>
          ) : (
            <button type="button" onClick={() => ask(job, { do: 'cancel' })}>
              {text('cancel')}
            </button>
          )}
        </div>
      )}
    </li>
  )
}

/** Of a clip, all stages but the training count something else than steps. */
function placeText({ step, steps, stage }: NonNullable<QueueJob['progress']>): string {
  if (stage === null || stage === 'training') return text('stepOf', { step, steps })
  return `${text(stageTexts[stage])} ${number(step)}/${number(steps)}`
}

/** What a job has made. */
function JobPicture({ queue, job }: { readonly queue: QueueHost; readonly job: QueueJob }) {
  const [address, setAddress] = useState<string | null>(null)
  const isDone = job.state === 'done'
  useEffect(() => {
    if (!isDone) return
    let gone = false
    let made: string | null = null
    void queue
      .thumbnail(job.job)
      .catch(() => null)
      .then((picture) => {
        if (gone || picture === null) return
        made = URL.createObjectURL(picture)
        setAddress(made)
      })
    return () => {
      gone = true
      if (made !== null) URL.revokeObjectURL(made)
    }
  }, [job.job, isDone])
  return <span class="thumbnail">{address === null ? null : <img src={address} alt="" />}</span>
}

/** The files of a finished job's run folder, to be saved; frames by frames are fetched by the command line. */
function JobFiles({ studio, queue, job }: Omit<JobProps, 'ask'>) {
  const [names, setNames] = useState<readonly string[]>([])
  const load = (): void =>
    void studio.attempt(async () => setNames((await queue.files(job.job)).filter((name) => !name.includes('/'))))
  const save = (name: string): void =>
    void studio.attempt(async () => {
      const file = await queue.file(job.job, name)
      if (file !== null) saveFile(`${job.out}-${name}`, file)
    })
  return (
    <details onToggle={(event) => event.currentTarget.open && load()}>
      <summary>{text('queueFiles')}</summary>
      <div class="buttons">
        {names.map((name) => (
          <button key={name} type="button" onClick={() => save(name)}>
            {name}
          </button>
        ))}
      </div>
    </details>
  )
}

/** Looks again and again while the page is seen. @returns ends it */
function follow(queue: QueueHost, contents: Signal<QueueContents | null>, problem: Signal<string | null>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let over = false
  const look = async (): Promise<void> => {
    if (!document.hidden) {
      try {
        const found = await queue.contents()
        // The host was given none, and gets none while it runs.
        if (found === null) return
        contents.value = found
        problem.value = null
      } catch (error) {
        // Who has no token is told so by the page; there is nothing to look at.
        if (error instanceof Text2LiveError && error.code === 'TOKEN_INVALID') return
        problem.value = error instanceof Text2LiveError ? error.message : String(error)
      }
    }
    if (!over) timer = setTimeout(() => void look(), lookEvery)
  }
  void look()
  return () => {
    over = true
    clearTimeout(timer)
  }
}
