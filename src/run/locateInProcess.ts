import { interrupted } from '../session/interrupted.js'
import type { LocateRequest } from '../session/locatePhoto.js'
import type { LocatedMap } from '../session/runHost.js'
import { endedByItself, forkProcess } from './forkProcess.js'
import type { LocateReply } from './locateProcess.js'
import { reviveFailure } from './workerFailure.js'

/**
 * Where a run with these options would edit, found in a process of its own, which is ended where `signal` aborts.
 * @throws OPTION_*, PROMPT_*, INPUT_*, GUIDANCE_*, DEVICE_*, INTERRUPTED
 */
export async function locateInProcess(asked: LocateRequest, signal: AbortSignal): Promise<LocatedMap> {
  if (signal.aborted) throw interrupted()
  const worker = forkProcess(new URL('./locateProcess.js', import.meta.url))
  const abandon = (): void => void worker.kill('SIGKILL')
  signal.addEventListener('abort', abandon)
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (reply: LocateReply) => {
        if ('located' in reply) resolve(reply.located)
        else reject(reviveFailure(reply.failure))
      })
      worker.on('error', reject)
      worker.on('exit', (code, by) => {
        reject(signal.aborted ? interrupted() : endedByItself('that looked for the words', code, by))
      })
      worker.send(asked, () => undefined)
    })
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}
