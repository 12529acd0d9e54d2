import { SHARE_ENV, Worker } from 'node:worker_threads'
import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { ClipFlow, FlowBeside } from '../clipFlow.js'
import { type FailedAnswer, failureIn } from './failedAnswer.js'

/** What the thread tells: each pair of frames as it is done, then all of them. */
export type FlowAnswer = { readonly type: 'pair' } | { readonly type: 'done'; readonly flow: ClipFlow } | FailedAnswer

/** Flow in a thread of its own. */
export const openFlowThread = (): FlowBeside => new FlowThread()

class FlowThread implements FlowBeside {
  readonly #worker = new Worker(new URL('./flowThread.js', import.meta.url), { env: SHARE_ENV, execArgv: [] })
  #pending: { readonly onPair: () => void; resolve(flow: ClipFlow): void; reject(reason: unknown): void } | null = null
  /** Why it can be asked nothing any more. */
  #ended: { readonly reason: unknown } | null = null

  constructor() {
    this.#worker.on('message', (answer: FlowAnswer) => this.#answered(answer))
    this.#worker.on('error', (error) => this.#end(error))
    this.#worker.on('exit', () =>
      this.#end(new Text2LiveError('DEVICE_FAILED', 'The thread of a part of the flow ended by itself. Try again.')),
    )
  }

  async estimate(frames: ClipFrames, onPair: () => void, signal: AbortSignal | undefined): Promise<ClipFlow> {
    signal?.throwIfAborted()
    if (this.#ended !== null) throw this.#ended.reason
    const stop = (): void => this.#end(signal?.reason)
    signal?.addEventListener('abort', stop)
    try {
      return await new Promise<ClipFlow>((resolve, reject) => {
        this.#pending = { onPair, resolve, reject }
        this.#worker.postMessage(frames)
      })
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #answered(answer: FlowAnswer): void {
    if (answer.type === 'failed') this.#end(failureIn(answer))
    else if (answer.type === 'done') {
      this.#pending?.resolve(answer.flow)
      this.#pending = null
    } else {
      try {
        this.#pending?.onPair()
      } catch (reason) {
        this.#end(reason)
      }
    }
  }

  #end(reason: unknown): void {
    this.#ended ??= { reason }
    this.#pending?.reject(this.#ended.reason)
    this.#pending = null
  }
}
