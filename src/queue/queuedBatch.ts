import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BatchJob } from '../batch/batchJob.js'
import { Text2LiveError } from '../errors.js'
import { asidePath, removeDeadAsides } from '../media/node/asidePath.js'
import { replacePath } from '../media/node/replacePath.js'
import { writing } from '../run/fileErrors.js'
import { storeInput } from './jobInputs.js'
import { KnownDigests } from './knownDigests.js'
import { openQueue, type Queue } from './openQueue.js'
import { jobId, type JobFailure } from './protocol.js'
import { type JobStatus, QueueClient, type Submission } from './queueClient.js'
import { digestFile } from '../media/node/digestFile.js'
import { readJobState, restoreRun } from './store/jobFiles.js'
import { openStore, type OpenedStore } from './store/openStore.js'
import { submissionOf, type SubmissionTerms } from './submission.js'

/** Where a list is worked on by other machines. */
export interface BatchQueueAddress {
  /** redis://..., see `openQueue`. */
  readonly queue: string
  readonly queueName: string
  /** A folder that all machines reach, or s3://bucket/prefix. */
  readonly store: string
}

/** What is told of a list in a queue. `job` is the name of the job's folder. */
export type QueuedBatchEvent =
  | { readonly type: 'note'; readonly message: string }
  | { readonly type: 'uploaded'; readonly job: string; readonly done: number; readonly total: number }
  | { readonly type: 'submitted'; readonly jobs: number; readonly added: number }
  | { readonly type: 'status'; readonly job: string; readonly status: JobStatus }
  | { readonly type: 'fetched'; readonly job: string; readonly folder: string }

/** A job that has no result. */
export interface FailedJob extends JobFailure {
  readonly job: string
}

export interface QueuedBatchResult {
  readonly done: number
  readonly failed: readonly FailedJob[]
  /** That `signal` aborted before the last had ended: the others go on without us. */
  readonly left: number
}

/** Files that are uploaded at a time. */
const uploads = 4

/** A list of edits in a queue: what this machine, which trains nothing, does with it. */
export class QueuedBatch {
  readonly #queue: Queue
  readonly #store: OpenedStore
  readonly #client: QueueClient
  readonly #emit: (event: QueuedBatchEvent) => void

  private constructor(queue: Queue, store: OpenedStore, emit: (event: QueuedBatchEvent) => void) {
    this.#queue = queue
    this.#store = store
    this.#client = new QueueClient(queue, store.objects)
    this.#emit = emit
  }

  /** @throws all that `openStore` and `openQueue` throw, before anything is uploaded */
  static async open(address: BatchQueueAddress, emit: (event: QueuedBatchEvent) => void): Promise<QueuedBatch> {
    const store = await openStore(address.store)
    try {
      const queue = await openQueue({ url: address.queue, name: address.queueName, store: store.id })
      for (const message of queue.notes) emit({ type: 'note', message })
      return new QueuedBatch(queue, store, emit)
    } catch (error) {
      store.objects.close()
      throw error
    }
  }

  /**
   * What the jobs of a list are in the queue: those of their inputs that changed since are read for their hashes.
   * @param out the folder of the batch
   * @throws OPTION_INVALID for a job that other machines cannot do; INPUT_NOT_FOUND
   */
  async describe(jobs: readonly BatchJob[], out: string, terms: SubmissionTerms): Promise<Submission[]> {
    const digests = await KnownDigests.open(out)
    const described: Submission[] = []
    for (const job of jobs) described.push((await submissionOf(job, this.#store.id, terms, digests.digest)).submission)
    await digests.save()
    return described
  }

  /**
   * The same, and puts the inputs into the store; those that are there already are not sent again.
   * @throws what `describe` throws; STORE_*, INTERRUPTED
   */
  async upload(
    jobs: readonly BatchJob[],
    out: string,
    terms: SubmissionTerms,
    signal: AbortSignal,
  ): Promise<Submission[]> {
    await writing(out, () => mkdir(out, { recursive: true }))
    const digests = await KnownDigests.open(out)
    const submissions: Submission[] = []
    let [next, done] = [0, 0]
    const uploadNext = async (): Promise<void> => {
      for (let i = next++; i < jobs.length; i = next++) {
        if (signal.aborted)
          throw new Text2LiveError('INTERRUPTED', 'Stopped while inputs were uploaded; nothing is in the queue yet.')
        const { submission, inputs } = await submissionOf(jobs[i]!, this.#store.id, terms, digests.digest)
        for (const input of inputs) await storeInput(this.#store.objects, input)
        submissions[i] = submission
        this.#emit({ type: 'uploaded', job: jobs[i]!.out, done: ++done, total: jobs.length })
      }
    }
    await Promise.all(Array.from({ length: uploads }, uploadNext))
    await digests.save()
    return submissions
  }

  /**
   * Submits what is not known yet, follows all until they have ended, and fetches each result into its folder in `out`
   * as it comes. Called again with the same list it does nothing twice.
   */
  async run(jobs: readonly Submission[], out: string, signal: AbortSignal): Promise<QueuedBatchResult> {
    const added = await this.#client.submit(jobs)
    this.#emit({ type: 'submitted', jobs: jobs.length, added })
    const failed: FailedJob[] = []
    let done = 0
    let fetching: Promise<void> = Promise.resolve()
    const fetchNext = (job: Submission): void => {
      fetching = fetching.then(async () => {
        const name = job.payload.out
        try {
          const folder = await this.fetch(job, out)
          done++
          this.#emit({ type: 'fetched', job: name, folder })
        } catch (error) {
          if (!(error instanceof Text2LiveError)) throw error
          failed.push({ job: name, code: error.code, message: error.message })
          this.#emit({ type: 'status', job: name, status: { state: 'failed', failure: failed.at(-1)! } })
        }
      })
      // Thrown where it is waited for, below.
      fetching.catch(() => undefined)
    }
    await this.#client.follow(
      jobs,
      (job, status) => {
        if (status.state === 'done') fetchNext(job)
        else this.#emit({ type: 'status', job: job.payload.out, status })
        if (status.state === 'failed') failed.push({ job: job.payload.out, ...status.failure })
      },
      signal,
    )
    await fetching
    return { done, failed, left: jobs.length - done - failed.length }
  }

  /**
   * Fetches the run folder of a job that is done. One that is there already, with the same files, stays.
   * @returns the folder
   * @throws OUTPUT_EXISTS for another folder in its place; STORE_DAMAGED, STORE_*, OUTPUT_NOT_WRITABLE, DISK_FULL
   */
  async fetch({ payload }: Submission, out: string): Promise<string> {
    const folder = join(out, payload.out)
    const { objects } = this.#store
    const state = await readJobState(objects, jobId(payload))
    if (existsSync(folder)) {
      if (state !== null && (await holds(folder, state.files))) return folder
      throw new Text2LiveError(
        'OUTPUT_EXISTS',
        `${folder} exists already, with other files than those of this job, and is not overwritten. Choose another folder with --out; the result stays in the store.`,
      )
    }
    await mkdir(dirname(folder), { recursive: true })
    await removeDeadAsides(folder)
    const aside = asidePath(folder)
    try {
      const restored = await restoreRun(objects, jobId(payload), aside)
      if (restored?.status !== 'done')
        throw new Text2LiveError(
          'STORE_DAMAGED',
          `The result of "${payload.out}" is not whole in the store ${objects.place}. Remove jobs/${jobId(payload)} there and submit the list again: it is done anew.`,
        )
      await replacePath(aside, folder)
      return folder
    } finally {
      await rm(aside, { recursive: true, force: true })
    }
  }

  async status(jobs: readonly Submission[]): Promise<JobStatus[]> {
    return await Promise.all(jobs.map((job) => this.#client.status(job)))
  }

  /** @returns how many were cancelled */
  async cancel(jobs: readonly Submission[]): Promise<number> {
    return await this.#client.cancel(jobs)
  }

  /** @returns how many were put back */
  async retry(jobs: readonly Submission[]): Promise<number> {
    return await this.#client.retry(jobs)
  }

  async close(): Promise<void> {
    await this.#client.close()
    this.#queue.close()
    this.#store.objects.close()
  }
}

async function holds(
  folder: string,
  files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>,
): Promise<boolean> {
  for (const [name, { sha256 }] of Object.entries(files)) {
    const found = await digestFile(join(folder, name)).catch(() => null)
    if (found?.sha256 !== sha256) return false
  }
  return true
}
