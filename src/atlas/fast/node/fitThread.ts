// The thread of a part of a fit: answers one call after the other, until it is ended.
import { parentPort, workerData } from 'node:worker_threads'
import { createNodeRuntime } from '../../../engine/node/createNodeRuntime.js'
import { failedAnswer } from '../../node/failedAnswer.js'
import { LocalFitPart } from '../fitPart.js'
import type { FitAnswer, FitCall, FitThreadData } from './fitMessages.js'

const { frames, settings, threads } = workerData as FitThreadData
let stopped = false
const part = new LocalFitPart(frames, {
  runtime: createNodeRuntime({ device: 'cpu', threads }),
  settings,
  async pause() {
    await new Promise((resolve) => setImmediate(resolve))
    if (stopped) throw new Error('This part of the fit was told to stop.')
  },
  // Read by the other thread where they are.
  memory: (length) => new Float32Array(new SharedArrayBuffer(4 * length)),
})

const answer = (message: FitAnswer): void => parentPort?.postMessage(message)

parentPort?.on('message', (call: FitCall | 'stop') => {
  if (call === 'stop') {
    stopped = true
    return
  }
  void asked(call).then(
    (result) => answer({ type: 'done', result }),
    (error: unknown) => answer(failedAnswer(error)),
  )
})

async function asked(call: FitCall): Promise<unknown> {
  switch (call.name) {
    case 'begin':
      return await part.begin(...call.given)
    case 'sumColours':
      return await part.sumColours(...call.given)
    case 'visit':
      return await part.visit(...call.given, () => answer({ type: 'visited' }))
    case 'fitOpacities':
      return await part.fitOpacities(...call.given)
    case 'close':
      try {
        await part.close()
      } finally {
        // Nothing holds the thread any more, which ends by itself.
        parentPort?.close()
      }
  }
}
