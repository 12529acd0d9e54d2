// A process that does one job of a queue, and ends: reading the photo and writing the outputs block the thread that does
// it as training does, and only the end of a process gives all its memory back.
import { Text2LiveError } from '../errors.js'
import type { QueuedJob } from '../session/queue/queueMachine.js'
import { RunControl } from '../session/runControl.js'
import type { AnyRunEvent } from '../session/runHost.js'
import { openInWorker } from './openInWorker.js'
import type { WorkerFailure } from './workerMessages.js'
import { workOnRun } from './workOnRun.js'

/** What it can be told: first the job, then what its control says. */
export type JobRequest =
  | { readonly path: string; readonly job: QueuedJob }
  | { readonly stop: true }
  | { readonly held: boolean; readonly steps: number | null }

/** What it tells. */
export type JobReply = { readonly event: AnyRunEvent } | { readonly done: true } | { readonly failure: WorkerFailure }

if (process.send === undefined)
  throw new Text2LiveError('INTERNAL', 'jobProcess runs in a process of its own; use workInProcess.')

const stop = new AbortController()
const control = new RunControl()

const tell = (reply: JobReply, told?: () => void): void => {
  if (process.connected) process.send?.(reply, undefined, undefined, told)
}
const end = (reply: JobReply): void => tell(reply, () => process.disconnect())

process.on('message', (request: JobRequest) => {
  if ('stop' in request) stop.abort()
  else if ('held' in request) control.take(request)
  else {
    const { path, job } = request
    workOnRun(openInWorker)(path, job, stop.signal, (event) => tell({ event }), control).then(
      () => end({ done: true }),
      (error: unknown) => {
        const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
        end({ failure: { code: error instanceof Text2LiveError ? error.code : null, message, stack } })
      },
    )
  }
})
// Who asked is gone, or has the answer. What is written is whole, and the next who asks goes on from it.
process.on('disconnect', () => process.exit())
