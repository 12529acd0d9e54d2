import { setTimeout as sleep } from 'node:timers/promises'
import type { Queue as BullQueue } from 'bullmq'
import { Lanes } from './lanes.js'
import { keysOf, type Queue } from './openQueue.js'
import {
  jobId,
  type JobFailure,
  type JobPayload,
  type JobProgress,
  laneOf,
  readFailure,
  readProgress,
} from './protocol.js'
import { readJobState } from './store/jobFiles.js'
import type { ObjectStore } from './store/objectStore.js'

/** How a job is put into the queue. */
export interface Submission {
  readonly payload: JobPayload
  /** 1 is the most urgent, 2,097,151 the least. */
  readonly priority: number
  /** Milliseconds before anybody takes it. */
  readonly delay: number
}

/** How a job stands. */
export type JobStatus =
  | { readonly state: 'waiting' | 'delayed' }
  | { readonly state: 'working'; readonly progress: JobProgress | null }
  | { readonly state: 'done' }
  | { readonly state: 'failed'; readonly failure: JobFailure }
  /** Neither the queue nor the store knows of it. */
  | { readonly state: 'unknown' }

/** A job by its name and what it needs, which tells its lane. */
export type KnownJob = Pick<Submission, 'payload'>

/** Seconds that a cancelled job is known as such, where a worker could not be told. */
const cancelledFor = 7 * 24 * 3600
/** Jobs that are sent or asked for at a time. */
const portion = 500

/** Whoever puts jobs into a queue, and sees what becomes of them. */
export class QueueClient {
  readonly #queue: Queue
  readonly #store: ObjectStore
  readonly #lanes: Lanes

  constructor(queue: Queue, store: ObjectStore) {
    this.#queue = queue
    this.#store = store
    this.#lanes = new Lanes(queue)
  }

  /**
   * Puts jobs into the queue. What is in it already, or done by what the store says, is not put in again, so that a
   * list may be submitted any number of times.
   * @returns how many are new
   */
  async submit(jobs: readonly Submission[]): Promise<number> {
    const missing: Submission[] = []
    for (const part of portions(jobs)) {
      const known = await Promise.all(part.map((job) => this.status(job)))
      missing.push(...part.filter((_, i) => known[i]!.state === 'unknown'))
    }
    await this.#add(missing)
    return missing.length
  }

  async #add(jobs: readonly Submission[]): Promise<void> {
    const byLane = new Map<string, Submission[]>()
    for (const job of jobs) {
      const lane = laneOf(job.payload.needs)
      const its = byLane.get(lane)
      if (its === undefined) byLane.set(lane, [job])
      else its.push(job)
    }
    for (const [lane, its] of byLane) {
      await this.#lanes.declare(its[0]!.payload.needs)
      const queue = await this.#lanes.queue(lane)
      for (const part of portions(its))
        await queue.addBulk(
          part.map(({ payload, priority, delay }) => ({
            name: payload.kind,
            data: payload,
            opts: { jobId: jobId(payload), priority, delay },
          })),
        )
    }
  }

  async status({ payload }: KnownJob): Promise<JobStatus> {
    const id = jobId(payload)
    const queue = await this.#lanes.queue(laneOf(payload.needs))
    const state = await queue.getJobState(id)
    switch (state) {
      case 'active':
        return { state: 'working', progress: await this.#progressOf(queue, id) }
      case 'waiting':
      case 'prioritized':
        return { state: 'waiting' }
      case 'delayed':
        return { state: 'delayed' }
      case 'completed':
        return { state: 'done' }
      case 'failed': {
        const [text] = await this.#queue.redis.hmget(queue.toKey(id), 'failedReason')
        return { state: 'failed', failure: readFailure(text ?? '') }
      }
      default:
        return await this.#stored(id)
    }
  }

  async #progressOf(queue: BullQueue, id: string): Promise<JobProgress | null> {
    const [text] = await this.#queue.redis.hmget(queue.toKey(id), 'progress')
    return readProgress(parseJson(text ?? null))
  }

  /** What the store says of a job that the queue knows no more. */
  async #stored(id: string): Promise<JobStatus> {
    if ((await this.#queue.redis.exists(keysOf(this.#queue.name).cancelled(id))) === 1) return cancelled
    const found = await readJobState(this.#store, id)
    if (found?.status === 'done') return { state: 'done' }
    if (found?.status === 'failed' && found.failure !== undefined) return { state: 'failed', failure: found.failure }
    return { state: 'unknown' }
  }

  /**
   * Cancels jobs: who works on one ends after the step at hand and keeps what is reached; those that wait go.
   * @returns how many were cancelled: not those that had ended
   */
  async cancel(jobs: readonly KnownJob[]): Promise<number> {
    const keys = keysOf(this.#queue.name)
    let count = 0
    for (const { payload } of jobs) {
      const { state } = await this.status({ payload })
      if (state === 'done' || state === 'failed' || state === 'unknown') continue
      const id = jobId(payload)
      await this.#queue.redis.set(keys.cancelled(id), '1', 'EX', cancelledFor)
      const queue = await this.#lanes.queue(laneOf(payload.needs))
      // One that is being worked on stays: its worker is told.
      await queue.remove(id)
      await this.#queue.redis.publish(keys.cancel, id)
      count++
    }
    return count
  }

  /**
   * Puts failed and cancelled jobs back: each goes on from what was kept of it.
   * @returns how many
   */
  async retry(jobs: readonly Submission[]): Promise<number> {
    const keys = keysOf(this.#queue.name)
    const again: Submission[] = []
    for (const job of jobs) {
      const { state } = await this.status(job)
      if (state !== 'failed') continue
      const id = jobId(job.payload)
      const queue = await this.#lanes.queue(laneOf(job.payload.needs))
      await this.#queue.redis.del(keys.cancelled(id))
      // As a new job: with all its attempts, and without what it failed by.
      await queue.remove(id)
      again.push(job)
    }
    await this.#add(again)
    return again.length
  }

  /**
   * Calls back whenever one of the jobs stands otherwise than before, until all have ended or `signal` aborts. Jobs
   * that the queue lost are put in again. While Redis cannot be reached, nothing is told.
   */
  async follow(
    jobs: readonly Submission[],
    onStatus: (job: Submission, status: JobStatus) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const open = new Map(jobs.map((job) => [jobId(job.payload), { job, last: '' }]))
    const tell = (id: string, status: JobStatus): void => {
      const entry = open.get(id)
      const text = JSON.stringify(status)
      if (entry === undefined || entry.last === text) return
      entry.last = text
      onStatus(entry.job, status)
      if (status.state === 'done' || status.state === 'failed') open.delete(id)
    }
    const look = async (round: number): Promise<void> => {
      const left = [...open.values()].map(({ job }) => job)
      if (round % wholeLook === 0) await this.#lookAtAll(left, tell)
      else await this.#lookAtActive(new Set(left.map(({ payload }) => laneOf(payload.needs))), open, tell)
    }
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    for (let round = 0; open.size > 0 && !signal.aborted; round++) {
      // A Redis that loads its file is asked again; one that is away answers when it is back, and nobody waits who
      // leaves.
      await Promise.race([look(round).catch(() => undefined), stopped])
      if (open.size > 0) await pause(lookEvery, signal)
    }
  }

  async #lookAtAll(jobs: readonly Submission[], tell: (id: string, status: JobStatus) => void): Promise<void> {
    for (const part of portions(jobs)) {
      const statuses = await Promise.all(part.map((job) => this.status(job)))
      const lost = part.filter((_, i) => statuses[i]!.state === 'unknown')
      await this.#add(lost)
      for (const [i, job] of part.entries()) {
        const status = statuses[i]!
        tell(jobId(job.payload), status.state === 'unknown' ? { state: 'waiting' } : status)
      }
    }
  }

  /** What is worked on, and what ended a moment ago: that costs the same however many jobs wait. */
  async #lookAtActive(
    lanes: ReadonlySet<string>,
    open: ReadonlyMap<string, { readonly job: Submission }>,
    tell: (id: string, status: JobStatus) => void,
  ): Promise<void> {
    const keys = keysOf(this.#queue.name)
    const { redis } = this.#queue
    for (const lane of lanes) {
      const [active, done, failed] = await Promise.all([
        redis.lrange(keys.lane(lane, 'active'), 0, -1),
        redis.zrevrange(keys.lane(lane, 'completed'), 0, 999),
        redis.zrevrange(keys.lane(lane, 'failed'), 0, 999),
      ])
      const ids = [...active, ...done, ...failed].filter((id) => open.has(id))
      for (const part of portions(ids)) {
        const statuses = await Promise.all(part.map((id) => this.status(open.get(id)!.job)))
        for (const [i, id] of part.entries()) tell(id, statuses[i]!)
      }
    }
  }

  async close(): Promise<void> {
    await this.#lanes.close()
  }
}

/** Milliseconds between two looks. */
const lookEvery = 1_000
/** Looks after which all jobs are looked at, not only those that are worked on. */
const wholeLook = 15

const cancelled: JobStatus = {
  state: 'failed',
  failure: { code: 'JOB_CANCELLED', message: 'Somebody cancelled this job before anybody took it.' },
}

function* portions<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += portion) yield all.slice(start, start + portion)
}

function parseJson(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined)
}
