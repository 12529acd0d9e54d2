import { interrupted } from '../session/interrupted.js'
import { endedByItself, forkProcess } from './forkProcess.js'
import type { JobReply, JobRequest } from './jobProcess.js'
import { reviveFailure } from './workerFailure.js'
import type { WorkOnRun } from './workOnRun.js'

/**
 * Does a job of a queue in a process of its own, which is gone when this resolves: this one stays free to answer.
 * @throws all that the run throws, INTERRUPTED, OUT_OF_MEMORY, DEVICE_FAILED
 */
export const workInProcess: WorkOnRun = async (path, job, signal, emit, control) => {
  if (signal.aborted) throw interrupted()
  const worker = forkProcess(new URL('./jobProcess.js', import.meta.url))
  const send = (request: JobRequest): void => {
    // Where the process has gone, its `exit` event says so.
    if (worker.connected) worker.send(request, () => undefined)
  }
  const stop = (): void => send({ stop: true })
  signal.addEventListener('abort', stop)
  const unfollow = control.follow(() => send({ held: control.held, steps: control.steps }))
  try {
    await new Promise<void>((resolve, reject) => {
      let ending: Error | null | undefined
      worker.on('message', (reply: JobReply) => {
        if ('event' in reply) emit(reply.event)
        else ending = 'failure' in reply ? reviveFailure(reply.failure) : null
      })
      worker.on('error', reject)
      worker.on('exit', (code, by) => {
        if (ending === null) resolve()
        else reject(ending ?? endedByItself('that worked on the run', code, by))
      })
      send({ path, job })
      send({ held: control.held, steps: control.steps })
    })
  } finally {
    signal.removeEventListener('abort', stop)
    unfollow()
  }
}
