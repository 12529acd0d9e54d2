import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Job as BullJob, Worker as BullWorker } from 'bullmq'
import { Text2LiveError } from '../errors.js'
import { defaultLease } from './lanes.js'
import { keysOf, type Queue } from './openQueue.js'
import { failureText, type JobFailure, type JobOutcome, type JobProgress, readFailure } from './protocol.js'

/** Renewals in the time of a lease: several may fail before it runs out. */
const renewals = 5
/** Milliseconds between two tellings of how far a job is. */
const tellEvery = 1_000

/** Why a taken job is stopped before its end. */
export type StopReason = 'cancelled' | 'lost'

/**
 * A job in this worker's hand. Its lock is renewed for as long as it is held, by this thread, which the training never
 * blocks: that is in a process of its own. Where Redis cannot be reached the work goes on, and what is to be told
 * waits.
 */
export class TakenJob {
  readonly id: string
  readonly #queue: Queue
  readonly #lane: string
  readonly #job: BullJob
  readonly #token: string
  readonly #stopped = new AbortController()
  readonly #renewing: NodeJS.Timeout
  readonly #lease: number
  #fence = 0
  #asking = false
  #progress: JobProgress | null = null
  #telling: NodeJS.Timeout | null = null
  #told = 0

  private constructor(queue: Queue, lane: string, job: BullJob, token: string, lease: number) {
    this.#queue = queue
    this.#lane = lane
    this.#job = job
    this.#token = token
    this.id = job.id!
    this.#lease = lease
    this.#renewing = setInterval(() => void this.#renew(), lease / renewals)
    queue.redis.on('ready', this.#onReady)
  }

  /**
   * Takes the next job of a lane.
   * @param worker of the lane
   * @param lease milliseconds, that of the worker
   * @returns null where none waits
   */
  static async take(queue: Queue, lane: string, worker: BullWorker, lease = defaultLease): Promise<TakenJob | null> {
    const token = `${hostname()}:${process.pid}:${randomBytes(8).toString('hex')}`
    const job = (await worker.getNextJob(token, { block: false })) as BullJob | undefined
    if (job?.id === undefined) return null
    const taken = new TakenJob(queue, lane, job, token, lease)
    try {
      await taken.#takeFence(0)
      return taken
    } catch (error) {
      taken.release()
      throw error
    }
  }

  /** The number of this taking: who has a higher one took the job over. */
  get fence(): number {
    return this.#fence
  }

  /**
   * Takes a number above one that the store knows: Redis may have lost its count.
   * @throws LEASE_LOST
   */
  async fenceAbove(known: number): Promise<void> {
    if (this.#fence <= known) await this.#takeFence(known)
  }

  async #takeFence(least: number): Promise<void> {
    const keys = keysOf(this.#queue.name)
    const job = keys.lane(this.#lane, this.id)
    const fence = await this.#queue.redis.takeFence(keys.fence, job, `${job}:lock`, this.#token, least)
    if (fence === 0) throw this.#lost()
    this.#fence = fence
  }

  /** As it lies in Redis; see `readPayload`. */
  get data(): unknown {
    return this.#job.data as unknown
  }

  /** What it failed by already, before this taking: too many workers died of it. */
  get failure(): JobFailure | null {
    const text = this.#job.deferredFailure as string | undefined
    return text === undefined ? null : readFailure(text)
  }

  /** Aborts, with a `StopReason`, when the job was cancelled or is another's by now. */
  get stopped(): AbortSignal {
    return this.#stopped.signal
  }

  /** Tells how far it is: at once, or where something was told within the last second, the newest when that is over. */
  tell(progress: JobProgress): void {
    this.#progress = progress
    this.#telling ??= setTimeout(() => void this.#tell(), Math.max(0, this.#told + tellEvery - Date.now()))
  }

  async #tell(): Promise<void> {
    const progress = this.#progress!
    try {
      await this.#job.updateProgress({ ...progress })
    } catch {
      // The job is another's by now, or Redis forgot it: the next renewal finds out.
    }
    this.#told = Date.now()
    this.#telling = null
    if (this.#progress !== progress && !this.#stopped.signal.aborted) this.tell(this.#progress!)
  }

  /** Somebody says that this job was cancelled; Redis is asked whether that is so. */
  check(): void {
    void this.#renew()
  }

  readonly #onReady = (): void => void this.#renew()

  async #renew(): Promise<void> {
    if (this.#asking || this.#stopped.signal.aborted) return
    this.#asking = true
    try {
      await this.#hold()
    } catch {
      // Redis cannot be reached, or is loading its file: asked again soon.
    } finally {
      this.#asking = false
    }
  }

  /** @returns whether the job is ours */
  async #hold(): Promise<boolean> {
    const keys = keysOf(this.#queue.name)
    const job = keys.lane(this.#lane, this.id)
    const answer = await this.#queue.redis.holdJob(
      `${job}:lock`,
      keys.lane(this.#lane, 'active'),
      job,
      keys.lane(this.#lane, 'stalled'),
      keys.cancelled(this.id),
      this.#token,
      this.#lease,
      this.id,
      this.#fence,
    )
    if (answer === 0) this.#stop('lost')
    if (answer === 2) this.#stop('cancelled')
    return answer !== 0
  }

  #stop(reason: StopReason): void {
    if (!this.#stopped.signal.aborted) this.#stopped.abort(reason)
  }

  /** Its files are in the store, and say so. @throws LEASE_LOST */
  async finish(outcome: JobOutcome): Promise<void> {
    await this.#end(() => this.#job.moveToCompleted(outcome, this.#token, false))
  }

  /**
   * @param again whether another attempt may end otherwise
   * @throws LEASE_LOST
   */
  async fail(failure: JobFailure, again: boolean): Promise<void> {
    const { UnrecoverableError } = await import('bullmq')
    const error = again ? new Error(failureText(failure)) : new UnrecoverableError(failureText(failure))
    await this.#end(() => this.#job.moveToFailed(error, this.#token, false))
  }

  /** Puts it back in front of its lane, for whoever comes next. @throws LEASE_LOST */
  async giveBack(): Promise<void> {
    await this.#end(() => this.#job.moveToWait(this.#token))
  }

  /** Lets go of it without a word: another has it. */
  release(): void {
    clearInterval(this.#renewing)
    if (this.#telling !== null) clearTimeout(this.#telling)
    this.#queue.redis.off('ready', this.#onReady)
  }

  /** The lock may have run out while Redis was away, and is taken again first. */
  async #end(end: () => Promise<unknown>): Promise<void> {
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          if (!(await this.#hold())) {
            // The answer to an attempt before may have been lost with the connection.
            if (attempt > 1 && (await this.#isEnded())) return
            throw this.#lost()
          }
          await end()
          return
        } catch (error) {
          if (error instanceof Text2LiveError || attempt === endAttempts) throw error
          await new Promise((resolve) => setTimeout(resolve, 1_000))
        }
      }
    } finally {
      this.release()
    }
  }

  /** Did this taking end the job? */
  async #isEnded(): Promise<boolean> {
    const job = keysOf(this.#queue.name).lane(this.#lane, this.id)
    const [fence, finishedOn] = await this.#queue.redis.hmget(job, 'fence', 'finishedOn')
    return fence === String(this.#fence) && finishedOn !== null
  }

  #lost(): Text2LiveError {
    return new Text2LiveError(
      'LEASE_LOST',
      `Expected to hold job ${this.id} of ${this.#queue.place} still, but another worker took it over, or it was removed: ` +
        'this one was suspended, or could not reach the queue.',
    )
  }
}

/** One a second: as long as Redis may take to load its file. */
const endAttempts = 120
