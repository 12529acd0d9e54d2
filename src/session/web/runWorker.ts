import { Text2LiveError, type ErrorCode } from '../../errors.js'
import { interrupted } from '../interrupted.js'
import type { RunEvent } from '../events.js'
import type { Job } from '../job.js'
import type { OutputFiles } from '../outputs.js'
import { type JobMachine, runJob } from '../runJob.js'

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
type Request = { readonly start: number; readonly job: Job } | { readonly stop: number }

/** From the worker to the page. */
type Reply =
  | { readonly id: number; readonly event: RunEvent }
  | { readonly id: number; readonly result: JobResult }
  | { readonly id: number; readonly failure: { readonly code: ErrorCode | null; readonly message: string } }

/** The two ends of the wire: a `Worker` and the `self` in it, or two ports. */
export interface Wire {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

/**
 * Does the jobs that come over the wire, one after another, in this worker: the whole run is here, outputs are encoded here, and the page stays free.
 * @param scope `self` of the worker
 */
export function serveJobs(scope: Wire, machine: JobMachine): void {
  const stops = new Map<number, AbortController>()
  let last: Promise<void> = Promise.resolve()
  const post = (reply: Reply): void => scope.postMessage(reply)
  const work = async (id: number, job: Job, { signal }: AbortController): Promise<void> => {
    try {
      if (signal.aborted) throw interrupted()
      const { finished, step, store, files } = await runJob(job, machine, signal, (event) => post({ id, event }))
      post({ id, result: { finished, step, run: store?.path ?? null, files } })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      post({ id, failure: { code: error instanceof Text2LiveError ? error.code : null, message } })
    } finally {
      stops.delete(id)
    }
  }
  scope.addEventListener('message', ({ data }) => {
    const request = data as Request
    if ('stop' in request) {
      stops.get(request.stop)?.abort()
      return
    }
    const stop = new AbortController()
    stops.set(request.start, stop)
    last = last.then(() => work(request.start, request.job, stop))
  })
}

let nextId = 0

/**
 * Has a worker that serves jobs do one. When `signal` aborts, the step at hand is finished and the outputs of the state reached are written.
 * @param worker that called `serveJobs`
 * @throws all that the run throws, with its code
 */
export async function runInWebWorker(worker: Wire, job: Job, onEvent: (event: RunEvent) => void = () => undefined, signal?: AbortSignal): Promise<JobResult> {
  const id = nextId++
  const stop = (): void => worker.postMessage({ stop: id } satisfies Request)
  return await new Promise<JobResult>((resolve, reject) => {
    const listen = ({ data }: MessageEvent): void => {
      const reply = data as Reply
      if (reply.id !== id) return
      if ('event' in reply) {
        onEvent(reply.event)
        return
      }
      worker.removeEventListener('message', listen)
      signal?.removeEventListener('abort', stop)
      if ('result' in reply) resolve(reply.result)
      else reject(reply.failure.code === null ? new Error(reply.failure.message) : new Text2LiveError(reply.failure.code, reply.failure.message))
    }
    worker.addEventListener('message', listen)
    signal?.addEventListener('abort', stop, { once: true })
    worker.postMessage({ start: id, job } satisfies Request)
    if (signal?.aborted === true) stop()
  })
}
