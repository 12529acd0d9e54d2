import type { Queue as BullQueue, Worker as BullWorker } from 'bullmq'
import { z } from 'zod'
import type { Queue } from './openQueue.js'
import { keysOf } from './openQueue.js'
import { laneOf, mostStalls, type JobNeeds } from './protocol.js'

/**
 * Milliseconds without renewal after which a taken job is another's to take. Looked for is twice as often, and the
 * second look that finds a job without a lock frees it: within 40 s a dead worker's job waits again.
 */
export const defaultLease = 20_000

/** What finished jobs leave in Redis: enough for who follows them. Their state for good is in the store. */
const trimming = {
  removeOnComplete: { count: 1000, age: 24 * 3600 },
  removeOnFail: { count: 10_000, age: 7 * 24 * 3600 },
} as const

/** The lanes of a queue: a queue of BullMQ for each set of needs. */
export class Lanes {
  readonly #queue: Queue
  readonly #lease: number
  readonly #queues = new Map<string, BullQueue>()
  readonly #workers = new Map<string, BullWorker>()

  /** @param lease milliseconds, see `defaultLease` */
  constructor(queue: Queue, lease = defaultLease) {
    this.#queue = queue
    this.#lease = lease
  }

  /** Makes known what waits in a lane. @returns its name */
  async declare(needs: JobNeeds): Promise<string> {
    const lane = laneOf(needs)
    await this.#queue.redis.hset(keysOf(this.#queue.name).lanes, lane, JSON.stringify(needs))
    return lane
  }

  /** All lanes that there ever were, and what their jobs need. */
  async all(): Promise<ReadonlyMap<string, JobNeeds>> {
    const found = await this.#queue.redis.hgetall(keysOf(this.#queue.name).lanes)
    return new Map(Object.entries(found).flatMap(([lane, text]) => parseNeeds(lane, text)))
  }

  /** To put jobs in and look at them. */
  async queue(lane: string): Promise<BullQueue> {
    const { Queue: Bull } = await import('bullmq')
    const known = this.#queues.get(lane)
    if (known !== undefined) return known
    const made = new Bull(lane, {
      connection: this.#queue.redis,
      prefix: this.#queue.name,
      skipVersionCheck: true,
      defaultJobOptions: {
        ...trimming,
        attempts: 3,
        backoff: { type: 'exponential', delay: 5_000 },
        stackTraceLimit: 0,
      },
    })
    // Each command that fails says so to who gave it; a lost connection is made again.
    made.on('error', () => undefined)
    this.#queues.set(lane, made)
    return made
  }

  /** To take jobs from; while it is open, jobs of dead workers come back into the lane. */
  async worker(lane: string): Promise<BullWorker> {
    const { Worker: Bull } = await import('bullmq')
    const known = this.#workers.get(lane)
    if (known !== undefined) return known
    const made = new Bull(lane, null, {
      connection: this.#queue.redis,
      prefix: this.#queue.name,
      skipVersionCheck: true,
      autorun: false,
      lockDuration: this.#lease,
      stalledInterval: this.#lease / 2,
      maxStalledCount: mostStalls,
    })
    made.on('error', () => undefined)
    this.#workers.set(lane, made)
    await made.startStalledCheckTimer()
    return made
  }

  async close(): Promise<void> {
    const all = [...this.#queues.values(), ...this.#workers.values()]
    this.#queues.clear()
    this.#workers.clear()
    await Promise.all(all.map((each) => each.close().catch(() => undefined)))
  }
}

const needsSchema = z.object({
  device: z.enum(['any', 'cpu', 'webgpu', 'cuda']),
  guidance: z.array(z.string()),
  memory: z.number(),
})

/** What another program wrote there is no lane. */
function parseNeeds(lane: string, text: string): [string, JobNeeds][] {
  try {
    const needs = needsSchema.parse(JSON.parse(text))
    return laneOf(needs) === lane ? [[lane, needs]] : []
  } catch {
    return []
  }
}
