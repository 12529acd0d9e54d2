// The thread of a part of a clip's flow: answers one clip after the other, until it is ended.
import { parentPort } from 'node:worker_threads'
import type { ClipFrames } from '../../media/clipFrames.js'
import { estimateClipFlow } from '../clipFlow.js'
import type { FlowAnswer } from './openFlowThread.js'

const answer = (message: FlowAnswer, moved: readonly ArrayBuffer[] = []): void =>
  parentPort?.postMessage(message, moved)

parentPort?.on('message', (frames: ClipFrames) => {
  // What it throws ends the thread, which is told where it was asked.
  void estimateClipFlow(frames, { onProgress: () => answer({ type: 'pair' }) }).then((flow) =>
    answer(
      { type: 'done', flow },
      [...flow.forward, ...flow.backward].flatMap(({ data, valid }) => [
        data.buffer as ArrayBuffer,
        valid.buffer as ArrayBuffer,
      ]),
    ),
  )
})
