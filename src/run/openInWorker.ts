import { Worker } from 'node:worker_threads'
import { silenceTelemetry } from '../engine/node/silenceTelemetry.js'
import { Text2LiveError } from '../errors.js'
import { interrupted } from './interrupted.js'
import { reviveFailure, threadError } from './workerFailure.js'
import type { OpenTrainer, Trainer, TrainerNotice } from './trainerContract.js'
import type { CallName, WorkerCalls, WorkerReply, WorkerRequest } from './workerMessages.js'

interface Pending {
  readonly resolve: (answer: WorkerCalls[CallName]['answer']) => void
  readonly reject: (error: Error) => void
}

/** A trainer in a thread of its own, since a step blocks the thread that runs it for as long as it takes. */
export const openInWorker: OpenTrainer = async (input, notice, signal) => {
  if (signal.aborted) throw interrupted()
  silenceTelemetry()
  const worker = startWorker(notice)
  const abandon = (): void => worker.fail(interrupted())
  signal.addEventListener('abort', abandon, { once: true })
  try {
    const { step, steps, device } = await worker.call('open', input)
    return new WorkerTrainer(worker, step, steps, device)
  } catch (error) {
    void worker.close()
    throw error
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}

type WorkerHandle = ReturnType<typeof startWorker>

class WorkerTrainer implements Trainer {
  readonly #worker: WorkerHandle
  #step: number
  readonly steps: number
  readonly device: string

  constructor(worker: WorkerHandle, step: number, steps: number, device: string) {
    this.#worker = worker
    this.#step = step
    this.steps = steps
    this.device = device
  }

  get step(): number {
    return this.#step
  }

  async train(): Promise<WorkerCalls['train']['answer']> {
    const report = await this.#worker.call('train', null)
    this.#step = report.step
    return report
  }

  layer(): Promise<WorkerCalls['layer']['answer']> {
    return this.#worker.call('layer', null)
  }

  state(): Promise<WorkerCalls['state']['answer']> {
    return this.#worker.call('state', null)
  }

  dispose(): Promise<void> {
    return this.#worker.close()
  }
}

function startWorker(notice: (notice: TrainerNotice) => void) {
  const worker = new Worker(new URL('./trainingWorker.js', import.meta.url))
  const pending = new Map<number, Pending>()
  let nextId = 0
  let failed: Error | null = null

  const fail = (error: Error): void => {
    failed ??= error
    for (const { reject } of pending.values()) reject(failed)
    pending.clear()
  }

  worker.on('message', (reply: WorkerReply) => {
    if ('notice' in reply) {
      notice(reply.notice)
      return
    }
    const waiting = pending.get(reply.id)
    pending.delete(reply.id)
    if (waiting === undefined) return
    if ('failure' in reply) waiting.reject(reviveFailure(reply.failure))
    else waiting.resolve(reply.answer)
  })
  worker.on('error', (error) => fail(threadError(error)))
  worker.on('exit', (code) => {
    fail(new Text2LiveError('DEVICE_FAILED', `The training thread ended by itself (exit code ${code}). Resume the run to continue.`))
  })

  return {
    fail,
    call<Name extends CallName>(call: Name, argument: WorkerCalls[Name]['argument']): Promise<WorkerCalls[Name]['answer']> {
      if (failed !== null) return Promise.reject(failed)
      const id = nextId++
      const request: WorkerRequest<Name> = { id, call, argument }
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve: resolve, reject })
        worker.postMessage(request)
      })
    },
    /** Ends the thread once what it is doing is done, and with it the memory it holds; after a failure the process may exit meanwhile. */
    async close(): Promise<void> {
      if (failed === null) {
        const ended = new Promise((resolve) => worker.once('exit', resolve))
        await this.call('dispose', null).catch(() => undefined)
        await ended
      } else {
        worker.postMessage({ id: nextId++, call: 'dispose', argument: null } satisfies WorkerRequest)
        worker.unref()
      }
    },
  }
}
