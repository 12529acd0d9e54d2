import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { silenceTelemetry } from '../engine/node/silenceTelemetry.js'
import { Text2LiveError } from '../errors.js'
import { inheritedFlags } from './inheritedFlags.js'
import { interrupted } from '../session/interrupted.js'
import { reviveFailure } from './workerFailure.js'
import type { OpenTrainer, StepReport, Trainer, TrainerNotice } from '../session/trainerContract.js'
import type { CallName, WorkerCalls, WorkerReply, WorkerRequest } from './workerMessages.js'

interface Pending {
  readonly resolve: (answer: WorkerCalls[CallName]['answer']) => void
  readonly reject: (error: Error) => void
}

/**
 * A trainer in a process of its own. A step blocks the thread that runs it for as long as it takes; and only the end of
 * a process gives all of its memory back: the C library keeps what a thread has freed for threads to come, and each
 * training thread would get another such store, as large as a step at its fullest.
 */
export const openInWorker: OpenTrainer = async (input, notice, signal) => {
  if (signal.aborted) throw interrupted()
  silenceTelemetry()
  const worker = startWorker(notice)
  const abandon = (): void => worker.fail(interrupted())
  signal.addEventListener('abort', abandon, { once: true })
  try {
    return new WorkerTrainer(worker, await worker.call('open', input))
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
  #memory = 0
  readonly steps: number
  readonly device: string
  readonly learned: boolean

  constructor(worker: WorkerHandle, { step, steps, device, learned }: WorkerCalls['open']['answer']) {
    this.#worker = worker
    this.#step = step
    this.steps = steps
    this.device = device
    this.learned = learned
  }

  get step(): number {
    return this.#step
  }

  get memory(): number {
    return this.#memory
  }

  async train(): Promise<StepReport> {
    const { memory, ...report } = await this.#worker.call('train', null)
    this.#step = report.step
    this.#memory = memory
    return report
  }

  layer(): Promise<WorkerCalls['layer']['answer']> {
    return this.#worker.call('layer', null)
  }

  state(): Promise<WorkerCalls['state']['answer']> {
    return this.#worker.call('state', null)
  }

  async setMask(mask: WorkerCalls['setMask']['argument']): Promise<void> {
    await this.#worker.call('setMask', mask)
  }

  dispose(): Promise<void> {
    return this.#worker.close()
  }
}

function startWorker(notice: (notice: TrainerNotice) => void) {
  const worker = fork(fileURLToPath(new URL('./trainingWorker.js', import.meta.url)), [], {
    serialization: 'advanced',
    // A group of its own: Ctrl-C reaches the command alone, which lets the step at hand end.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: inheritedFlags(process.execArgv),
  })
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
  worker.on('error', fail)
  worker.on('exit', (code, signal) => fail(endedByItself(code, signal)))

  const send = <Name extends CallName>(request: WorkerRequest<Name>): void => {
    // Where the process has gone, its `exit` event says so.
    if (worker.connected) worker.send(request, () => undefined)
  }

  return {
    fail,
    call<Name extends CallName>(
      call: Name,
      argument: WorkerCalls[Name]['argument'],
    ): Promise<WorkerCalls[Name]['answer']> {
      if (failed !== null) return Promise.reject(failed)
      const id = nextId++
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve: resolve, reject })
        send({ id, call, argument })
      })
    },
    /**
     * Ends the process once what it is doing is done, and with it the memory it holds; after a failure this process may
     * exit meanwhile.
     */
    async close(): Promise<void> {
      if (failed === null) {
        const ended = new Promise((resolve) => worker.once('exit', resolve))
        await this.call('dispose', null).catch(() => undefined)
        await ended
      } else {
        send({ id: nextId++, call: 'dispose', argument: null })
        worker.unref()
        worker.channel?.unref()
      }
    },
  }
}

function endedByItself(code: number | null, signal: NodeJS.Signals | null): Text2LiveError {
  if (signal === 'SIGKILL') {
    return new Text2LiveError(
      'OUT_OF_MEMORY',
      'The training process was killed (SIGKILL), as the system does where memory runs out. Use a smaller --size or fewer --views; ' +
        'a run with a folder can be resumed.',
    )
  }
  return new Text2LiveError(
    'DEVICE_FAILED',
    `The training process ended by itself (${signal ?? `exit code ${code}`}). Resume the run to continue.`,
  )
}
