import { Text2LiveError, type ErrorCode } from '../../errors.js'
import { interrupted } from '../interrupted.js'
import type { RunEvent } from '../events.js'
import type { LocatedPhoto } from '../locatePhoto.js'
import type { OutputFiles } from '../outputs.js'
import { heed, passOn, type RunAsk, RunControl, type SteeredRun } from '../runControl.js'
import type { ScoreReport } from '../scorePhoto.js'
import { type HostJob, type JobMachine, type JobRun, runJob } from '../runJob.js'
import type { VideoEvent } from '../videoEvents.js'
import { WarmModels } from '../warmModels.js'

/** What a run leaves, as it crosses to the page: its files are in its store. */
export interface RunResult {
  readonly finished: boolean
  readonly step: number
  /** The run's name in the store; null for a run that keeps nothing. */
  readonly run: string | null
  /** The outputs of a run that keeps nothing. */
  readonly files: OutputFiles | null
}

/** What a job leaves, by its kind, as it crosses to the page. */
export type JobResult<Kind extends HostJob['kind'] = HostJob['kind']> = Kind extends 'relevancy'
  ? LocatedPhoto
  : Kind extends 'score'
    ? ScoreReport
    : RunResult

/** From the page to the worker; `id` is one job's. */
type Request = { readonly id: number; readonly job: HostJob } | { readonly id: number; readonly ask: RunAsk }

/** From the worker to the page. */
type Reply =
  | { readonly id: number; readonly event: RunEvent }
  | { readonly id: number; readonly clipEvent: VideoEvent }
  | { readonly id: number; readonly result: JobResult }
  | { readonly id: number; readonly failure: { readonly code: ErrorCode | null; readonly message: string } }

/** The two ends of the wire: a `Worker` and the `self` in it, or two ports. */
export interface Wire {
  /** As of a `Worker`. */
  postMessage(message: unknown): void
  /** As of a `Worker`. */
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
  /** As of a `Worker`. */
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

/**
 * Does the jobs that come over the wire, one after another, in this worker: the whole run is here, outputs are encoded
 * here, and the page stays free. Engine and models stay open from job to job.
 * @param scope `self` of the worker
 */
export function serveJobs(scope: Wire, served: JobMachine): void {
  const machine: JobMachine = { ...served, warm: served.warm ?? new WarmModels() }
  const runs = new Map<number, SteeredRun>()
  let last: Promise<void> = Promise.resolve()
  const post = (reply: Reply): void => scope.postMessage(reply)
  const work = async (id: number, job: HostJob, { stop: { signal }, control }: SteeredRun): Promise<void> => {
    try {
      if (signal.aborted) throw interrupted()
      const outcome = await runJob(
        job,
        machine,
        signal,
        (event) => post({ id, event }),
        control,
        (clipEvent) => post({ id, clipEvent }),
      )
      post({ id, result: 'store' in outcome ? crossing(outcome) : outcome })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      post({ id, failure: { code: error instanceof Text2LiveError ? error.code : null, message } })
    } finally {
      runs.delete(id)
    }
  }
  scope.addEventListener('message', ({ data }) => {
    const request = data as Request
    if ('ask' in request) {
      const run = runs.get(request.id)
      if (run !== undefined) heed(request.ask, run)
      return
    }
    const run = { stop: new AbortController(), control: new RunControl() }
    runs.set(request.id, run)
    last = last.then(() => work(request.id, request.job, run))
  })
}

const crossing = ({ finished, step, store, files }: JobRun): RunResult => ({
  finished,
  step,
  run: store?.path ?? null,
  files,
})

let nextId = 0

/** A job that a worker does. */
export interface WorkerRun<Kind extends HostJob['kind'] = HostJob['kind']> {
  /** Rejects with all that the run throws, with its code. */
  readonly result: Promise<JobResult<Kind>>
  /** The step at hand is finished, and the outputs of the state reached are written. */
  stop(): void
  /** Holds the run after the step at hand, with a checkpoint, until `go`. */
  pause(): void
  /** Lets a held run go on. */
  go(): void
  /** Asks for a preview after the step at hand, as an event; of a run that is held at once. */
  preview(): void
  /**
   * Changes where the edit may go from the next step on, and tells by an event `mask`; a mask that does not fit is told
   * by a `warning`, and the run goes on with the one it has.
   */
  setMask(mask: { readonly name: string; readonly bytes: Uint8Array } | null): void
  /** Lets it end at another step than planned; a run that has ended is continued by a job. @throws OPTION_INVALID */
  continueTo(steps: number): void
}

/**
 * Has a worker that serves jobs do one, and steers it by hand.
 * @param worker that called `serveJobs`
 * @param onEvent hears the events of a photo's run, `onClipEvent` those of a clip's
 */
export function runInWebWorker<Asked extends HostJob>(
  worker: Wire,
  job: Asked,
  onEvent: (event: RunEvent) => void = () => undefined,
  onClipEvent: (event: VideoEvent) => void = () => undefined,
): WorkerRun<Asked['kind']> {
  const [stop, control] = [new AbortController(), new RunControl()]
  return {
    result: askWorker(worker, job, { onEvent, onClipEvent }, stop.signal, control),
    stop: () => stop.abort(),
    pause: () => control.pause(),
    go: () => control.go(),
    preview: () => control.preview(),
    setMask: (mask) => control.setMask(mask),
    continueTo: (steps) => control.continueTo(steps),
  }
}

/**
 * Has a worker that serves jobs do one, which a control and a signal steer.
 * @param broken rejects where the worker is gone
 * @throws all that the run throws, with its code
 */
export async function askWorker<Asked extends HostJob>(
  worker: Wire,
  job: Asked,
  {
    onEvent,
    onClipEvent,
  }: { readonly onEvent: (event: RunEvent) => void; readonly onClipEvent: (event: VideoEvent) => void },
  signal: AbortSignal,
  control: RunControl,
  broken?: Promise<never>,
): Promise<JobResult<Asked['kind']>> {
  const id = nextId++
  let hear: (message: MessageEvent) => void = () => undefined
  const result = new Promise<JobResult<Asked['kind']>>((resolve, reject) => {
    hear = ({ data }) => {
      const reply = data as Reply
      if (reply.id !== id) return
      if ('event' in reply) onEvent(reply.event)
      else if ('clipEvent' in reply) onClipEvent(reply.clipEvent)
      // Of the kind that was asked for: one worker does one job.
      else if ('result' in reply) resolve(reply.result as JobResult<Asked['kind']>)
      else
        reject(
          reply.failure.code === null
            ? new Error(reply.failure.message)
            : new Text2LiveError(reply.failure.code, reply.failure.message),
        )
    }
  })
  worker.addEventListener('message', hear)
  worker.postMessage({ id, job } satisfies Request)
  const end = passOn((ask) => worker.postMessage({ id, ask } satisfies Request), signal, control)
  try {
    return await (broken === undefined ? result : Promise.race([result, broken]))
  } finally {
    end()
    worker.removeEventListener('message', hear)
  }
}
