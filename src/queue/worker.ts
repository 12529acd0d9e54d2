import { mkdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Text2LiveError } from '../errors.js'
import { asidePath, removeDeadAsides } from '../media/node/asidePath.js'
import type { AnyRunEvent } from '../session/runHost.js'
import { fetchInputs } from './jobInputs.js'
import { Lanes } from './lanes.js'
import { keysOf, ownVersion, type Queue } from './openQueue.js'
import type { PerformJob } from './performJob.js'
import { type JobNeeds, type JobPayload, readPayload, type WorkDevice } from './protocol.js'
import { RunMirror } from './runMirror.js'
import { highestFence, JobFiles, restoreRun } from './store/jobFiles.js'
import type { OpenedStore } from './store/openStore.js'
import { TakenJob } from './takenJob.js'

/** What a worker can do; it takes what fits. */
export interface Abilities {
  /** The one that its jobs run on. */
  readonly device: WorkDevice
  /** Names of the models that it has or may fetch, as `portableGuidance` gives them. */
  readonly guidance: readonly string[]
  /** GiB that a job may take. */
  readonly memory: number
}

/** What a worker tells of its work. `job` is its id, `out` the name that people gave it. */
export type WorkerEvent =
  | {
      readonly type: 'took'
      readonly job: string
      readonly out: string
      readonly fence: number
      readonly resumed: boolean
    }
  | { readonly type: 'run'; readonly job: string; readonly event: AnyRunEvent }
  | { readonly type: 'finished' | 'gave-back' | 'cancelled' | 'lost'; readonly job: string }
  | { readonly type: 'failed'; readonly job: string; readonly code: string; readonly message: string }
  /** What goes on after a while by itself: a store that does not answer. */
  | { readonly type: 'delayed'; readonly message: string }

export interface WorkerOptions {
  readonly queue: Queue
  readonly store: OpenedStore
  readonly can: Abilities
  /** A folder on this machine where runs are worked on. */
  readonly scratch: string
  readonly perform: PerformJob
  /** Milliseconds after which its job is another's where it dies; see `defaultLease`, the same for all workers. */
  readonly lease?: number
  readonly onEvent: (event: WorkerEvent) => void
}

/**
 * Milliseconds between two looks at an empty queue; a little more or less, so that many workers do not look at once.
 */
const idle = 1_000
/** Milliseconds that a list of lanes counts as new. */
const lanesAge = 3_000
/** Milliseconds before a store that did not answer is asked again. */
const storePause = 5_000

const fits = (needs: JobNeeds, can: Abilities): boolean =>
  (needs.device === 'any' || needs.device === can.device) &&
  needs.memory <= can.memory &&
  needs.guidance.every((name) => can.guidance.includes(name))

/**
 * Works on the jobs of a queue that fit, one after another, until `signal` aborts: then the step at hand is finished,
 * what is reached is kept, and the job goes back into the queue.
 * @throws QUEUE_VERSION, STORE_MISMATCH where a job turns up that is for another text2live or another store
 */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const worker = new QueueWorker(options, signal)
  try {
    await worker.work()
  } finally {
    await worker.close()
  }
}

class QueueWorker {
  readonly #options: WorkerOptions
  readonly #signal: AbortSignal
  readonly #lanes: Lanes
  readonly #scratch: string
  #fitting: { readonly lanes: readonly string[]; readonly at: number } = { lanes: [], at: -Infinity }
  #taken: TakenJob | null = null

  constructor(options: WorkerOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
    this.#lanes = new Lanes(options.queue, options.lease)
    this.#scratch = asidePath(join(options.scratch, 'worker'))
  }

  async work(): Promise<void> {
    await mkdir(this.#options.scratch, { recursive: true })
    await removeDeadAsides(join(this.#options.scratch, 'worker'))
    await mkdir(this.#scratch)
    const unfollow = await this.#followCancels()
    try {
      while (!this.#signal.aborted) {
        this.#taken = await this.#take()
        if (this.#taken === null) await pause(idle * (0.75 + Math.random() / 2), this.#signal)
        else await this.#workOn(this.#taken)
        this.#taken = null
      }
    } finally {
      unfollow()
    }
  }

  async close(): Promise<void> {
    await this.#lanes.close()
    await rm(this.#scratch, { recursive: true, force: true })
  }

  /** Who cancels a job tells it on a channel; who misses that finds it at the next renewal of the lock. */
  async #followCancels(): Promise<() => void> {
    const { queue } = this.#options
    const listener = queue.redis.duplicate({ retryStrategy: () => 1_000 })
    listener.on('error', () => undefined)
    listener.on('message', (_, job) => {
      if (this.#taken?.id === job) this.#taken.check()
    })
    await listener.subscribe(keysOf(queue.name).cancel)
    return () => listener.disconnect()
  }

  /** Of all lanes that fit, the one whose next job is the most urgent. */
  async #take(): Promise<TakenJob | null> {
    const { queue, lease } = this.#options
    try {
      for (const lane of await this.#byUrgency(await this.#fittingLanes())) {
        const taken = await TakenJob.take(queue, lane, await this.#lanes.worker(lane), lease)
        if (taken !== null) return taken
      }
    } catch (error) {
      // A Redis that is restarted says that it is loading its file; what was half taken comes back by itself.
      this.#options.onEvent({ type: 'delayed', message: (error as Error).message })
    }
    return null
  }

  async #fittingLanes(): Promise<readonly string[]> {
    if (performance.now() - this.#fitting.at > lanesAge) {
      const all = await this.#lanes.all()
      const lanes = [...all].filter(([, needs]) => fits(needs, this.#options.can)).map(([lane]) => lane)
      // Opened here already: of a lane whose last job's worker died, somebody must look after the dead.
      for (const lane of lanes) await this.#lanes.worker(lane)
      this.#fitting = { lanes, at: performance.now() }
    }
    return this.#fitting.lanes
  }

  async #byUrgency(lanes: readonly string[]): Promise<readonly string[]> {
    if (lanes.length < 2) return lanes
    const { redis, name } = this.#options.queue
    const keys = keysOf(name)
    const urgencies = await Promise.all(
      lanes.map(async (lane) => {
        const [back, first] = await Promise.all([
          redis.llen(keys.lane(lane, 'wait')),
          redis.zrange(keys.lane(lane, 'prioritized'), '0', '0', 'WITHSCORES'),
        ])
        // What lost its worker comes first. BullMQ's score is the priority times 2^32, and a counter.
        const urgency = back > 0 ? 0 : Math.floor(Number(first[1] ?? Infinity) / 2 ** 32)
        return { lane, urgency, chance: Math.random() }
      }),
    )
    return urgencies.sort((a, b) => a.urgency - b.urgency || a.chance - b.chance).map(({ lane }) => lane)
  }

  async #workOn(taken: TakenJob): Promise<void> {
    const work = join(this.#scratch, `${taken.id}-${taken.fence}`)
    try {
      await this.#do(taken, work)
    } finally {
      taken.release()
      await rm(work, { recursive: true, force: true })
    }
  }

  async #do(taken: TakenJob, work: string): Promise<void> {
    const { store, onEvent } = this.#options
    const job = taken.id
    let files: JobFiles | null = null
    // It may have been cancelled while its last worker was dying.
    taken.check()
    try {
      const payload = await this.#payloadOf(taken)
      files = await this.#patiently(taken, async () => {
        await taken.fenceAbove(await highestFence(store.objects, job))
        return await JobFiles.claim(store.objects, job, taken.fence)
      })
      if (taken.failure !== null) throw new Text2LiveError(taken.failure.code, taken.failure.message)
      const ended = files.state.status === 'done' ? 'finished' : await this.#perform(taken, payload, files, work)
      if (ended === 'finished') await taken.finish({ fence: taken.fence, seconds: files.state.seconds })
      else if (ended === 'gave-back') await taken.giveBack()
      else await this.#cancel(taken, files)
      onEvent({ type: ended, job })
    } catch (error) {
      await this.#failed(taken, files, error)
    }
  }

  /**
   * A job for another text2live or another store goes back, and this worker ends.
   * @throws QUEUE_JOB_INVALID, QUEUE_VERSION, STORE_MISMATCH
   */
  async #payloadOf(taken: TakenJob): Promise<JobPayload> {
    const { queue, store } = this.#options
    const data = taken.data as Partial<JobPayload> | null
    const version = data?.version
    if (typeof version === 'string' && version !== ownVersion) {
      await taken.giveBack()
      throw new Text2LiveError(
        'QUEUE_VERSION',
        `The jobs of ${queue.place} are for text2live ${version} by now, and this worker is ${ownVersion}, which may train otherwise. Install text2live@${version} here.`,
      )
    }
    const payload = readPayload(data, taken.id)
    if (!fits(payload.needs, this.#options.can)) {
      throw new Text2LiveError(
        'QUEUE_JOB_INVALID',
        `Job ${taken.id} of ${queue.place} lies in the lane of jobs that need less than it does. Another program put it there.`,
      )
    }
    if (payload.store === store.id) return payload
    await taken.giveBack()
    throw new Text2LiveError(
      'STORE_MISMATCH',
      `The files of the jobs of ${queue.place} are in another store than ${store.objects.place} by now. Start this worker with that one.`,
    )
  }

  async #perform(
    taken: TakenJob,
    payload: JobPayload,
    files: JobFiles,
    work: string,
  ): Promise<'finished' | 'gave-back' | 'cancelled'> {
    const { store, can, perform, onEvent } = this.#options
    const folder = join(work, 'run')
    const { inputs, resumed } = await this.#patiently(taken, async () => {
      await rm(work, { recursive: true, force: true })
      await mkdir(work)
      const restored = await restoreRun(store.objects, taken.id, folder)
      if (restored === null) await rm(folder, { recursive: true, force: true })
      // A run that goes on has its own copies.
      const inputs = restored === null ? await fetchInputs(store.objects, payload, join(work, 'inputs')) : {}
      return { inputs, resumed: restored !== null }
    })
    onEvent({ type: 'took', job: taken.id, out: payload.out, fence: taken.fence, resumed })
    const [started, before] = [performance.now(), files.state.seconds]
    const seconds = (): number => before + (performance.now() - started) / 1000
    const mirror = new RunMirror(folder, join(work, 'aside'), files, ({ message }) =>
      onEvent({ type: 'delayed', message }),
    )
    const stop = AbortSignal.any([this.#signal, taken.stopped])
    const finished = await perform({ payload, inputs, folder, resumed, device: can.device }, stop, (event) => {
      if (event.type === 'checkpoint') mirror.request(seconds())
      tellProgress(taken, event)
      onEvent({ type: 'run', job: taken.id, event })
    }).catch((error: unknown) => {
      // Stopped before the first step: there is nothing to keep.
      if (error instanceof Text2LiveError && error.code === 'INTERRUPTED' && stop.aborted) return false
      throw error
    })
    if (taken.stopped.reason === 'lost') throw lostWhileAtWork(taken.id)
    await this.#patiently(taken, () => mirror.settle(finished ? 'done' : 'working', seconds()))
    if (finished) return 'finished'
    return taken.stopped.reason === 'cancelled' ? 'cancelled' : 'gave-back'
  }

  async #cancel(taken: TakenJob, files: JobFiles): Promise<void> {
    const failure = {
      code: 'JOB_CANCELLED',
      message: 'Somebody cancelled this job. What was reached is kept: text2live batch retry goes on from it.',
    } as const
    await this.#patiently(taken, () => files.fail(failure))
    await taken.fail(failure, false)
  }

  /** @throws what this worker cannot go on with */
  async #failed(taken: TakenJob, files: JobFiles | null, error: unknown): Promise<void> {
    const { onEvent } = this.#options
    const coded =
      error instanceof Text2LiveError ? error : new Text2LiveError('INTERNAL', String(error), { cause: error })
    if (coded.code === 'QUEUE_VERSION' || coded.code === 'STORE_MISMATCH') throw coded
    if (coded.code === 'LEASE_LOST') {
      onEvent({ type: 'lost', job: taken.id })
      return
    }
    const failure = { code: coded.code, message: coded.message }
    try {
      if (files !== null) await this.#patiently(taken, () => files.fail(failure))
      await taken.fail(failure, mayEndOtherwise(coded))
      onEvent({ type: 'failed', job: taken.id, ...failure })
    } catch {
      // The job comes back by itself, to whoever takes it next.
      onEvent({ type: 'lost', job: taken.id })
    }
  }

  /** Asks a store that does not answer again, as long as the job is ours. @throws what `ask` throws else, LEASE_LOST */
  async #patiently<T>(taken: TakenJob, ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof Text2LiveError) || error.code !== 'STORE_UNREACHABLE') throw error
        if (taken.stopped.reason === 'lost') throw lostWhileAtWork(taken.id)
        // Who was told to end does not wait: the job comes back by itself, from what the store has.
        if (this.#signal.aborted) throw error
        this.#options.onEvent({ type: 'delayed', message: error.message })
        await pause(storePause, this.#signal)
      }
    }
  }
}

/** Bad input is as bad elsewhere; another machine may have the memory, or a device that works. */
const mayEndOtherwise = ({ code, exitStatus }: Text2LiveError): boolean =>
  code === 'DEVICE_UNAVAILABLE' || (exitStatus !== 2 && code !== 'LOSS_NOT_FINITE' && code !== 'JOB_STALLED')

const lostWhileAtWork = (job: string): Text2LiveError =>
  new Text2LiveError('LEASE_LOST', `Expected to hold job ${job} still, but another worker took it over.`)

function tellProgress(taken: TakenJob, event: AnyRunEvent): void {
  const worker = hostname()
  if (event.type === 'step') {
    const { step, steps, losses, secondsLeft } = event
    const { total } = losses
    taken.tell({ step, steps, secondsLeft, worker, ...(total === undefined ? {} : { loss: total }) })
  } else if (event.type === 'progress') {
    const { stage, done, total, secondsLeft } = event
    taken.tell({ step: done, steps: total, stage, worker, ...(secondsLeft === null ? {} : { secondsLeft }) })
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined)
}
