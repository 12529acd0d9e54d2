import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job as BullJob, JobType } from 'bullmq'
import { Text2LiveError } from '../errors.js'
import { sharp } from '../media/node/sharp.js'
import { outputFiles } from '../session/events.js'
import type { QueueContents, QueueJob, QueueJobState, QueueRequest } from '../session/jobQueue.js'
import { runFiles } from '../session/runFiles.js'
import { Lanes } from './lanes.js'
import { openQueue, type Queue } from './openQueue.js'
import { type JobPayload, payloadSchema, readFailure, readProgress } from './protocol.js'
import { QueueClient } from './queueClient.js'
import type { BatchQueueAddress } from './queuedBatch.js'
import { readJobState } from './store/jobFiles.js'
import { openStore, type OpenedStore } from './store/openStore.js'

/** Of each state so many are listed. */
const listed = 100

/** Milliseconds after which a Redis that does not answer is told as such: who looks at a page does not wait for it. */
const patience = 5_000

/** Greatest file of a job that is handed out, bytes: it is held in memory. */
const maxBytes = 2 ** 28

/** Sides of a thumbnail, px. */
const box = { width: 320, height: 240 } as const

/** What BullMQ calls the states. */
const bullStates = {
  working: ['active'],
  failed: ['failed'],
  waiting: ['waiting', 'prioritized'],
  delayed: ['delayed'],
  done: ['completed'],
} as const satisfies Record<QueueJobState, readonly JobType[]>

const states = Object.keys(bullStates) as QueueJobState[]

interface Found {
  readonly job: BullJob
  readonly payload: JobPayload
  readonly state: QueueJobState
}

/** A queue as somebody sees it who neither submitted its jobs nor works on them. */
export class QueueView {
  readonly #queue: Queue
  readonly #store: OpenedStore
  readonly #lanes: Lanes
  readonly #client: QueueClient

  private constructor(queue: Queue, store: OpenedStore) {
    this.#queue = queue
    this.#store = store
    this.#lanes = new Lanes(queue)
    this.#client = new QueueClient(queue, store.objects)
  }

  /** @throws all that `openStore` and `openQueue` throw */
  static async open({ queue: url, queueName: name, store: place }: BatchQueueAddress): Promise<QueueView> {
    const store = await openStore(place)
    try {
      return new QueueView(await openQueue({ url, name, store: store.id }), store)
    } catch (error) {
      store.objects.close()
      throw error
    }
  }

  /**
   * Jobs that another program wrote there are counted and not listed.
   * @throws QUEUE_UNREACHABLE
   */
  async contents(): Promise<QueueContents> {
    return await this.#answered(async () => {
      const counts: Record<QueueJobState, number> = { working: 0, failed: 0, waiting: 0, delayed: 0, done: 0 }
      const found: Found[] = []
      for (const lane of (await this.#lanes.all()).keys()) {
        const queue = await this.#lanes.queue(lane)
        const laneCounts = await queue.getJobCounts(...states.flatMap((state) => bullStates[state]))
        for (const state of states) {
          for (const each of bullStates[state]) counts[state] += laneCounts[each] ?? 0
          const jobs = await queue.getJobs([...bullStates[state]], 0, listed - 1, state === 'waiting')
          found.push(...jobs.flatMap((job) => asFound(job, state)))
        }
      }
      const jobs = states.flatMap((state) =>
        found
          .filter((each) => each.state === state)
          .sort(inOrder[state])
          .slice(0, listed)
          .map(entryOf),
      )
      return { place: this.#queue.place, counts, jobs }
    })
  }

  /**
   * A job that waits and is cancelled leaves the queue: who has the list puts it back.
   * @throws RUN_NOT_FOUND where the queue has no such job; QUEUE_UNREACHABLE
   */
  async ask(id: string, { do: asked }: QueueRequest): Promise<void> {
    await this.#answered(async () => {
      const { job, payload } = await this.#find(id)
      if (asked === 'cancel') await this.#client.cancel([{ payload }])
      else await this.#client.retry([{ payload, priority: job.opts.priority ?? 1000, delay: 0 }])
    })
  }

  /** What the store has of a job's run folder. @throws STORE_* */
  async files(id: string): Promise<readonly { readonly name: string; readonly bytes: number }[]> {
    const files = (await readJobState(this.#store.objects, id))?.files ?? {}
    return Object.entries(files).map(([name, { bytes }]) => ({ name, bytes }))
  }

  /**
   * One of these files.
   * @returns null where there is none of that name
   * @throws STORE_*; INPUT_TOO_LARGE
   */
  async file(id: string, name: string): Promise<Uint8Array | null> {
    const files = (await readJobState(this.#store.objects, id))?.files ?? {}
    const file = Object.hasOwn(files, name) ? files[name] : undefined
    if (file === undefined) return null
    const { key, ...digest } = file
    if (digest.bytes > maxBytes)
      throw new Text2LiveError(
        'INPUT_TOO_LARGE',
        `"${name}" has ${digest.bytes} bytes, and the page hands out up to ${maxBytes}. Fetch the run folder with: text2live batch, with the list that it is of.`,
      )
    const folder = await mkdtemp(join(tmpdir(), 'text2live-job-'))
    try {
      const path = join(folder, 'file')
      return (await this.#store.objects.download(key, path, digest)) ? await readFile(path) : null
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /**
   * What a job has made, or its latest preview, as a small WebP; null where there is no picture yet. @throws STORE_*
   */
  async thumbnail(id: string): Promise<Uint8Array | null> {
    const names = (await this.files(id)).map(({ name }) => name)
    const name =
      [runFiles.contactSheet, outputFiles.composite].find((each) => names.includes(each)) ??
      names
        .filter((each) => /^previews\/.*\.png$/.test(each))
        .sort()
        .at(-1)
    const picture = name === undefined ? null : await this.file(id, name)
    if (picture === null) return null
    return await sharp(picture)
      .resize({ ...box, fit: 'inside' })
      .webp({ quality: 70 })
      .toBuffer()
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#lanes.close()])
    this.#queue.close()
    this.#store.objects.close()
  }

  async #find(id: string): Promise<{ readonly job: BullJob; readonly payload: JobPayload }> {
    for (const lane of (await this.#lanes.all()).keys()) {
      const job = (await (await this.#lanes.queue(lane)).getJob(id)) as BullJob | undefined
      const payload = payloadSchema.safeParse(job?.data)
      if (job !== undefined && payload.success) return { job, payload: payload.data }
    }
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `There should be a job "${id}" in ${this.#queue.place}, but there is none. It was cancelled, or has ended long ago.`,
    )
  }

  /** Redis is asked again for as long as it is away; who looks is told so sooner. */
  async #answered<T>(work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            new Text2LiveError(
              'QUEUE_UNREACHABLE',
              `${this.#queue.place} has not answered for ${patience / 1000} s. It is asked again; workers go on meanwhile.`,
            ),
          ),
        patience,
      )
    })
    try {
      return await Promise.race([work(), late])
    } finally {
      clearTimeout(timer)
    }
  }
}

function asFound(job: BullJob | undefined, state: QueueJobState): Found[] {
  // One that ended while the list was read is not there any more.
  const payload = payloadSchema.safeParse(job?.data)
  return job?.id === undefined || !payload.success ? [] : [{ job, payload: payload.data, state }]
}

const byUrgency = (a: Found, b: Found): number =>
  (a.job.opts.priority ?? 0) - (b.job.opts.priority ?? 0) || a.job.timestamp - b.job.timestamp
const byTime = (a: Found, b: Found): number => a.job.timestamp + a.job.delay - b.job.timestamp - b.job.delay
const latestFirst = (a: Found, b: Found): number => (b.job.finishedOn ?? 0) - (a.job.finishedOn ?? 0)
const byName = (a: Found, b: Found): number => (a.payload.out < b.payload.out ? -1 : 1)

const inOrder: Readonly<Record<QueueJobState, (a: Found, b: Found) => number>> = {
  working: byName,
  failed: latestFirst,
  waiting: byUrgency,
  delayed: byTime,
  done: latestFirst,
}

const textsOf = (value: unknown): string[] => [value].flat().filter((each) => typeof each === 'string')

function entryOf({ job, payload: { out, kind, options }, state }: Found): QueueJob {
  const progress = readProgress(job.progress)
  return {
    job: job.id!,
    out,
    kind,
    prompt: textsOf(options['prompt']).join(', '),
    state,
    progress:
      progress === null
        ? null
        : {
            step: progress.step,
            steps: progress.steps,
            stage: progress.stage ?? null,
            loss: progress.loss ?? null,
            secondsLeft: progress.secondsLeft ?? null,
            worker: progress.worker,
          },
    error: state === 'failed' ? readFailure(job.failedReason) : null,
  }
}
