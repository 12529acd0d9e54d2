// The thread of a part of a clip's flow: answers one clip after the other, until it is ended.
import { parentPort } from 'node:worker_threads'
import type { ClipFrames } from '../../media/clipFrames.js'
import { type ClipFlow, estimateClipFlow } from '../clipFlow.js'
import { failedAnswer } from './failedAnswer.js'
import type { FlowAnswer } from './openFlowThread.js'

const answer = (message: FlowAnswer, moved: readonly ArrayBuffer[] = []): void =>
  parentPort?.postMessage(message, moved)

/** Its numbers are given away: nothing here needs them any more. */
const done = (flow: ClipFlow): void =>
  answer(
    { type: 'done', flow },
    [...flow.forward, ...flow.backward].flatMap(({ data, valid }) => [
      data.buffer as ArrayBuffer,
      valid.buffer as ArrayBuffer,
    ]),
  )

parentPort?.on('message', (frames: ClipFrames) => {
  void estimateClipFlow(frames, { onProgress: () => answer({ type: 'pair' }) }).then(done, (error: unknown) =>
    answer(failedAnswer(error)),
  )
})
