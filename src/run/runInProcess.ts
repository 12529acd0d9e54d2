import { Text2LiveError } from '../errors.js'
import { interrupted } from '../session/interrupted.js'
import type { RunControl } from '../session/runControl.js'
import type { RunEvent } from '../session/events.js'
import type { EmitAny } from '../session/queue/queueMachine.js'
import type { Emit } from '../session/trainRun.js'
import { type EditResult, receivedResult, type SentResult } from './editResult.js'
import { endedByItself, forkProcess } from './forkProcess.js'
import type { ClipRunJob, ImageJob, JobReply, JobRequest } from './imageJob.js'
import { reviveFailure } from './workerFailure.js'

/**
 * Does a job in a process of its own, which is gone when this resolves: from the photo to the outputs all is there, and
 * this one stays free. A step blocks the thread that runs it for as long as it takes; and only the end of a process gives
 * all of its memory back. When `signal` aborts, the step at hand is finished and the outputs of the state reached are
 * written. Where this process ends first, the other one finishes the step at hand, keeps it, and ends too.
 * @throws all that the run throws, INTERRUPTED, OUT_OF_MEMORY, DEVICE_FAILED
 */
export async function runInProcess(
  job: ImageJob,
  signal: AbortSignal,
  emit: Emit,
  control?: RunControl,
): Promise<EditResult> {
  const result = await askProcess(job, signal, (event) => emit(event as RunEvent), control)
  return receivedResult(result!)
}

/**
 * The same for any job of such a process.
 * @returns null for a job on a clip
 */
export async function askProcess(
  job: ImageJob | ClipRunJob,
  signal: AbortSignal,
  emit: EmitAny,
  control?: RunControl,
): Promise<SentResult | null> {
  if (signal.aborted) throw interrupted()
  const worker = forkProcess(new URL('./jobProcess.js', import.meta.url))
  const send = (request: JobRequest): void => {
    // Where the process has gone, its `exit` event says so.
    if (worker.connected) worker.send(request, () => undefined)
  }
  const stop = (): void => send({ stop: true })
  const steer = ({ held, steps }: RunControl): void => send({ held, steps })
  signal.addEventListener('abort', stop)
  const unfollow = control?.follow(() => steer(control))
  try {
    return await new Promise<SentResult | null>((resolve, reject) => {
      let ending: { readonly result: SentResult | null } | Error | null = null
      worker.on('message', (reply: JobReply) => {
        if ('event' in reply) emit(reply.event)
        else if ('failure' in reply) ending = reviveFailure(reply.failure)
        else ending = { result: 'result' in reply ? reply.result : null }
      })
      worker.on('error', reject)
      worker.on('exit', (code, by) => {
        if (ending === null) reject(endedByItself('that worked on the run', code, by))
        else if (ending instanceof Error) reject(ending)
        else resolve(ending.result)
      })
      try {
        send({ job })
      } catch (error) {
        worker.kill()
        throw notPlain(error)
      }
      if (control !== undefined) steer(control)
    })
  } finally {
    signal.removeEventListener('abort', stop)
    unfollow?.()
  }
}

const notPlain = (cause: unknown): Text2LiveError =>
  new Text2LiveError(
    'OPTION_INVALID',
    `Expected options of plain data: texts, numbers, bytes of pictures. ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  )
