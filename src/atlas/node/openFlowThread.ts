import { SHARE_ENV, Worker } from 'node:worker_threads'
import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { ClipFlow, FlowBeside } from '../clipFlow.js'

/** What the thread tells: each pair of frames as it is done, then all of them. */
export type FlowAnswer = { readonly type: 'pair' } | { readonly type: 'done'; readonly flow: ClipFlow }

/** Flow in a thread of its own. */
export function openFlowThread(): FlowBeside {
  const worker = new Worker(new URL('./flowThread.js', import.meta.url), { env: SHARE_ENV, execArgv: [] })
  return {
    estimate: (frames, onPair) => asked(worker, frames, onPair),
    async close() {
      await worker.terminate()
    },
  }
}

async function asked(worker: Worker, frames: ClipFrames, onPair: () => void): Promise<ClipFlow> {
  let forget = (): void => undefined
  try {
    return await new Promise<ClipFlow>((resolve, reject) => {
      const heard = (answer: FlowAnswer): void => {
        if (answer.type === 'done') resolve(answer.flow)
        else {
          try {
            onPair()
          } catch (reason) {
            reject(reason as Error)
          }
        }
      }
      const ended = (): void =>
        reject(new Text2LiveError('DEVICE_FAILED', 'The thread of a part of the flow ended by itself. Try again.'))
      forget = () => worker.off('message', heard).off('error', reject).off('exit', ended)
      worker.on('message', heard).on('error', reject).on('exit', ended)
      worker.postMessage(frames)
    })
  } finally {
    forget()
  }
}
