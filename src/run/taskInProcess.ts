import { interrupted } from '../session/interrupted.js'
import type { QueueChecks } from '../session/queue/queueMachine.js'
import { endedByItself, forkProcess } from './forkProcess.js'
import type { TaskName, TaskReply, Tasks } from './taskProcess.js'
import { reviveFailure } from './workerFailure.js'

/**
 * Does a task in a process of its own, which is ended where `signal` aborts.
 * @throws all that the task throws, INTERRUPTED, OUT_OF_MEMORY, DEVICE_FAILED
 */
export async function taskInProcess<Name extends TaskName>(
  task: Name,
  argument: Tasks[Name]['argument'],
  signal?: AbortSignal,
): Promise<Tasks[Name]['answer']> {
  if (signal?.aborted === true) throw interrupted()
  const worker = forkProcess(new URL('./taskProcess.js', import.meta.url))
  const abandon = (): void => void worker.kill('SIGKILL')
  signal?.addEventListener('abort', abandon)
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (reply: TaskReply) => {
        if ('answer' in reply) resolve(reply.answer)
        else reject(reviveFailure(reply.failure))
      })
      worker.on('error', reject)
      worker.on('exit', (code, by) => {
        reject(signal?.aborted === true ? interrupted() : endedByItself('that looked at the photo', code, by))
      })
      worker.send({ task, argument }, () => undefined)
    })
  } finally {
    signal?.removeEventListener('abort', abandon)
  }
}

/** The checks of a queue, done in processes of their own: this one stays free to answer. */
export const checksInProcess: QueueChecks = {
  prepare: async (...asked) => await taskInProcess('prepare', asked),
  prepareClip: async (...asked) => await taskInProcess('prepareClip', asked),
  brought: async (...asked) => await taskInProcess('brought', asked),
}
