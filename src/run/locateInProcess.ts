import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { silenceTelemetry } from '../engine/node/silenceTelemetry.js'
import { Text2LiveError } from '../errors.js'
import { interrupted } from '../session/interrupted.js'
import type { LocateRequest } from '../session/locatePhoto.js'
import type { LocatedMap } from '../session/runHost.js'
import { inheritedFlags } from './inheritedFlags.js'
import type { LocateReply } from './locateProcess.js'
import { reviveFailure } from './workerFailure.js'

/**
 * Where a run with these options would edit, found in a process of its own, which is ended where `signal` aborts.
 * @throws OPTION_*, PROMPT_*, INPUT_*, GUIDANCE_*, DEVICE_*, INTERRUPTED
 */
export async function locateInProcess(asked: LocateRequest, signal: AbortSignal): Promise<LocatedMap> {
  if (signal.aborted) throw interrupted()
  silenceTelemetry()
  const worker = fork(fileURLToPath(new URL('./locateProcess.js', import.meta.url)), [], {
    serialization: 'advanced',
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: inheritedFlags(process.execArgv),
  })
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
        if (signal.aborted) reject(interrupted())
        else
          reject(
            new Text2LiveError(
              'DEVICE_FAILED',
              `The process that looked for the words ended by itself (${by ?? `exit code ${code}`}). Try again, or with another --device.`,
            ),
          )
      })
      worker.send(asked, () => undefined)
    })
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}
