import { Text2LiveError, type ErrorCode } from '../../errors.js'
import { interrupted } from '../interrupted.js'
import type { RunEvent } from '../events.js'
import type { Job } from '../job.js'
import type { OutputFiles } from '../outputs.js'
import { assertSteps, RunControl } from '../runControl.js'
import { type JobMachine, runJob } from '../runJob.js'
import type { VideoEvent } from '../videoEvents.js'

/** What a job leaves, as it crosses to the page: a run's files are in its store. */
export interface JobResult {
  readonly finished: boolean
  readonly step: number
  /** The run's name in the store; null for a run that keeps nothing. */
  readonly run: string | null
  /** The outputs of a run that keeps nothing. */
  readonly files: OutputFiles | null
}

/** From the page to the worker. */
type Request =
  | { readonly start: number; readonly job: Job }
  | { readonly id: number; readonly ask: 'stop' | 'pause' | 'go' | { readonly steps: number } }

/** From the worker to the page. */
type Reply =
  | { readonly id: number; readonly event: RunEvent }
  | { readonly id: number; readonly clipEvent: VideoEvent }
  | { readonly id: number; readonly result: JobResult }
  | { readonly id: number; readonly failure: { readonly code: ErrorCode | null; readonly message: string } }

/** The two ends of the wire: a `Worker` and the `self` in it, or two ports. */
export interface Wire {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

/**
 * Does the jobs that come over the wire, one after another, in this worker: the whole run is here, outputs are encoded
 * here, and the page stays free.
 * @param scope `self` of the worker
 */
export function serveJobs(scope: Wire, machine: JobMachine): void {
  const runs = new Map<number, { readonly stop: AbortController; readonly control: RunControl }>()
  let last: Promise<void> = Promise.resolve()
  const post = (reply: Reply): void => scope.postMessage(reply)
  const work = async (
    id: number,
    job: Job,
    { stop: { signal }, control }: { readonly stop: AbortController; readonly control: RunControl },
  ): Promise<void> => {
    try {
      if (signal.aborted) throw interrupted()
      const { finished, step, store, files } = await runJob(
        job,
        machine,
        signal,
        (event) => post({ id, event }),
        control,
        (clipEvent) => post({ id, clipEvent }),
      )
      post({ id, result: { finished, step, run: store?.path ?? null, files } })
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
      if (request.ask === 'stop') run?.stop.abort()
      else if (request.ask === 'pause') run?.control.pause()
      else if (request.ask === 'go') run?.control.go()
      else run?.control.continueTo(request.ask.steps)
      return
    }
    const run = { stop: new AbortController(), control: new RunControl() }
    runs.set(request.start, run)
    last = last.then(() => work(request.start, request.job, run))
  })
}

let nextId = 0

/** A job that a worker does. */
export interface WorkerRun {
  /** Rejects with all that the run throws, with its code. */
  readonly result: Promise<JobResult>
  /** The step at hand is finished, and the outputs of the state reached are written. */
  stop(): void
  /** Holds the run after the step at hand, with a checkpoint, until `go`. */
  pause(): void
  go(): void
  /** Lets it end at another step than planned; a run that has ended is continued by a job. @throws OPTION_INVALID */
  continueTo(steps: number): void
}

/**
 * Has a worker that serves jobs do one.
 * @param worker that called `serveJobs`
 * @param onEvent hears the events of a photo's run, `onClipEvent` those of a clip's
 */
export function runInWebWorker(
  worker: Wire,
  job: Job,
  onEvent: (event: RunEvent) => void = () => undefined,
  onClipEvent: (event: VideoEvent) => void = () => undefined,
): WorkerRun {
  const id = nextId++
  const ask = (what: Extract<Request, { ask: unknown }>['ask']): void =>
    worker.postMessage({ id, ask: what } satisfies Request)
  const result = new Promise<JobResult>((resolve, reject) => {
    const listen = ({ data }: MessageEvent): void => {
      const reply = data as Reply
      if (reply.id !== id) return
      if ('event' in reply) {
        onEvent(reply.event)
        return
      }
      if ('clipEvent' in reply) {
        onClipEvent(reply.clipEvent)
        return
      }
      worker.removeEventListener('message', listen)
      if ('result' in reply) resolve(reply.result)
      else
        reject(
          reply.failure.code === null
            ? new Error(reply.failure.message)
            : new Text2LiveError(reply.failure.code, reply.failure.message),
        )
    }
    worker.addEventListener('message', listen)
    worker.postMessage({ start: id, job } satisfies Request)
  })
  return {
    result,
    stop: () => ask('stop'),
    pause: () => ask('pause'),
    go: () => ask('go'),
    continueTo(steps) {
      assertSteps(steps)
      ask({ steps })
    },
  }
}
