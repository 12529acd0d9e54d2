import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Text2LiveError } from '../errors.js'
import { clearAsides } from '../media/node/asidePath.js'
import { holderText, type ProcessLock, takeLock } from '../media/node/processLock.js'
import type { GivenOptions } from '../options/imageOptions.js'
import type { GivenVideoOptions } from '../options/videoOptions.js'
import { writing } from '../run/fileErrors.js'
import { imageJobOf } from '../run/imageJob.js'
import type { Job } from '../session/job.js'
import { cudaCards, onCard } from '../run/cudaCards.js'
import { isRunFolder } from '../run/runFolder.js'
import { JobProcess } from '../run/runInProcess.js'
import { videoJobOf } from '../run/video/videoJob.js'
import type { BatchCounts, BatchEvent } from './batchEvents.js'
import type { BatchJob } from './batchJob.js'
import { batchLock, followCancels } from './cancelBatch.js'
import { forgetFailure, type JobStanding, keepFailure, standingOf } from './jobStanding.js'
import type { BatchList } from './readBatchList.js'
import { openReport } from './report/openReport.js'
import { type StandingJob, standingJobs } from './standingJobs.js'

export interface BatchOptions {
  /** The folder of all run folders. */
  readonly out: string
  /**
   * How many jobs are at work at once, each in a process of its own; where CUDA has several cards, on one of its own.
   */
  readonly jobs: number
  /** Take up jobs that failed too: all, or those named; false: none. */
  readonly retry: boolean | readonly string[]
}

/**
 * Does the jobs of a list in turn, each in its run folder; what is finished is left as it is, what was stopped goes on.
 * What fails is written down in its run folder, and the next begins. When `signal` aborts, the steps at hand are
 * finished and kept.
 * @throws LIST_INVALID as `standingJobs`, before anything is begun; RUN_LOCKED where another batch has the folder;
 *   DISK_FULL, OUTPUT_NOT_WRITABLE
 */
export async function runBatch(
  list: BatchList,
  options: BatchOptions,
  signal: AbortSignal,
  emit: (event: BatchEvent) => void,
): Promise<BatchCounts> {
  const { out } = options
  await writing(out, () => mkdir(out, { recursive: true }))
  const lock = await lockBatch(out)
  try {
    await clearAsides(out)
    return await new Batch(list, await standingJobs(list, out), options, signal, emit).run()
  } finally {
    lock.release()
  }
}

async function lockBatch(out: string): Promise<ProcessLock> {
  const lock = await writing(out, () => takeLock(join(out, batchLock)))
  if (lock !== null && !('pid' in lock)) return lock
  throw new Text2LiveError(
    'RUN_LOCKED',
    `A batch is at work in "${out}" already: ${lock === null ? 'another process' : holderText(lock)}. Wait for it, stop it with text2live batch cancel, or give another --out.`,
  )
}

/** Milliseconds between two looks at a folder that another process holds. */
const heldInterval = 1000

/** Failures that are not the job's: they meet every other too. */
const ofAll: ReadonlySet<string> = new Set(['DISK_FULL', 'OUTPUT_NOT_WRITABLE'])

/** Failures that say that another process has the run. */
const anothers: ReadonlySet<string> = new Set(['RUN_LOCKED', 'LEASE_LOST'])

class Batch {
  readonly #list: BatchList
  readonly #jobs: Map<string, StandingJob>
  readonly #options: BatchOptions
  readonly #emit: (event: BatchEvent) => void
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #started = performance.now()
  readonly #queue: string[]
  /** Jobs that are to stop alone. */
  readonly #cancelled = new Map<string, AbortController>()
  /** Jobs that another process was seen at work on. */
  readonly #held = new Set<string>()
  readonly #seconds: number[] = []

  constructor(
    list: BatchList,
    jobs: readonly StandingJob[],
    options: BatchOptions,
    signal: AbortSignal,
    emit: (event: BatchEvent) => void,
  ) {
    this.#list = list
    this.#jobs = new Map(jobs.map((each) => [each.job.id, each]))
    this.#options = options
    this.#emit = emit
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    const { retry } = options
    const isAgain = (id: string): boolean => (typeof retry === 'boolean' ? retry : retry.includes(id))
    this.#queue = jobs
      .filter(({ job, standing: { state } }) => state !== 'finished' && (state !== 'failed' || isAgain(job.id)))
      .map(({ job }) => job.id)
  }

  async run(): Promise<BatchCounts> {
    const { out, jobs } = this.#options
    const unfollow = await followCancels(out, (named) => this.#cancel(named))
    const report = openReport(this.#list.path, out, [...this.#jobs.values()])
    const told = (id: string): void => {
      report.update(this.#jobs.get(id)!)
      this.#emit({ type: 'batch-progress', ...this.#counts(), secondsLeft: this.#secondsLeft() })
    }
    try {
      this.#emit({ type: 'batch-start', ...this.#counts(), out })
      const count = Math.max(1, Math.min(jobs, this.#queue.length))
      const cards = count > 1 ? await cudaCards() : []
      const ends = await Promise.allSettled(
        Array.from({ length: count }, (_, process) => this.#work(onCard(cards, process), told)),
      )
      for (const end of ends) if (end.status === 'rejected') throw end.reason as Error
    } finally {
      unfollow()
      await report.close()
    }
    this.#emit({ type: 'report', path: report.path })
    const counts = this.#counts()
    const seconds = (performance.now() - this.#started) / 1000
    this.#emit({ type: this.#signal.aborted ? 'batch-stopped' : 'batch-done', ...counts, seconds })
    return counts
  }

  /** Does jobs until there are none left; what fails for all ends the others too. */
  async #work(environment: Readonly<Record<string, string>>, told: (id: string) => void): Promise<void> {
    const process = new JobProcess({ keepsModels: true, environment })
    try {
      for (let id = this.#queue.shift(); id !== undefined && !this.#signal.aborted; id = this.#queue.shift()) {
        if (await this.#do(id, process)) told(id)
      }
    } catch (error) {
      this.#stop.abort()
      throw error
    } finally {
      await process.end()
    }
  }

  /** @returns false where another process is at work on it */
  async #do(id: string, process: JobProcess): Promise<boolean> {
    const own = this.#cancelled.get(id) ?? new AbortController()
    this.#cancelled.set(id, own)
    try {
      if (await this.#isHeld(id)) return false
      if (!own.signal.aborted) await this.#make(id, process, AbortSignal.any([this.#signal, own.signal]))
      if (own.signal.aborted && (await this.#look(id)).state !== 'finished') await this.#fail(id, cancelled(id))
    } catch (error) {
      if (!(error instanceof Text2LiveError) || ofAll.has(error.code)) throw error
      await this.#fail(id, error)
    }
    return true
  }

  async #make(id: string, process: JobProcess, signal: AbortSignal): Promise<void> {
    const { job, path } = this.#jobs.get(id)!
    const { kind, input } = job
    const place = this.#list.jobs.indexOf(job) + 1
    this.#emit({ type: 'job-start', job: id, kind, input, place, total: this.#jobs.size, resumed: isRunFolder(path) })
    const started = performance.now()
    try {
      await forgetFailure(path)
      await process.ask(askedFor(job, path), signal, (event) => this.#emit({ type: 'job-event', job: id, event }))
    } catch (error) {
      if (!(error instanceof Text2LiveError)) throw error
      // Another process has begun the run in between, or taken it over.
      const isAnothers = anothers.has(error.code) || (error.code === 'OUTPUT_EXISTS' && isRunFolder(path))
      if (isAnothers) this.#queue.push(id)
      else if (error.code !== 'INTERRUPTED') throw error
    }
    const seconds = (performance.now() - started) / 1000
    if ((await this.#look(id)).state === 'finished') {
      this.#seconds.push(seconds)
      this.#emit({ type: 'job-done', job: id, seconds })
    } else this.#emit({ type: 'job-stopped', job: id })
  }

  /** Writes it into the run folder, where that takes it. */
  async #fail(id: string, { code, message }: Text2LiveError): Promise<void> {
    const before = this.#jobs.get(id)!
    try {
      await keepFailure(before.path, { code, message })
      await this.#look(id)
    } catch (error) {
      if (!(error instanceof Text2LiveError) || ofAll.has(error.code)) throw error
      this.#jobs.set(id, { ...before, standing: { ...before.standing, state: 'failed', error: { code, message } } })
    }
    this.#emit({ type: 'job-failed', job: id, code, message })
  }

  /** A job that another process is at work on has its turn again when the others had theirs. */
  async #isHeld(id: string): Promise<boolean> {
    const { state, holder } = await this.#look(id)
    if (state !== 'running') return state === 'finished'
    if (!this.#held.has(id)) this.#emit({ type: 'job-held', job: id, holder: holder ?? 'another process' })
    this.#held.add(id)
    const isAlone = this.#queue.every((other) => this.#held.has(other))
    this.#queue.push(id)
    if (isAlone) await sleep(heldInterval, undefined, { signal: this.#signal }).catch(() => undefined)
    return true
  }

  async #look(id: string): Promise<JobStanding> {
    const before = this.#jobs.get(id)!
    const standing = await standingOf(before.path, before.job)
    this.#jobs.set(id, { ...before, standing })
    return standing
  }

  #cancel(named: readonly string[] | null): void {
    if (named === null) {
      this.#stop.abort()
      return
    }
    for (const id of named) {
      const own = this.#cancelled.get(id) ?? new AbortController()
      this.#cancelled.set(id, own)
      own.abort()
    }
  }

  #counts(): BatchCounts {
    const states = [...this.#jobs.values()].map(({ standing }) => standing.state)
    const finished = states.filter((state) => state === 'finished').length
    const failed = states.filter((state) => state === 'failed').length
    return { total: states.length, finished, failed, left: states.length - finished - failed }
  }

  #secondsLeft(): number | null {
    const recent = this.#seconds.slice(-20)
    if (recent.length === 0) return null
    const mean = recent.reduce((sum, seconds) => sum + seconds, 0) / recent.length
    return (mean * this.#counts().left) / this.#options.jobs
  }
}

const cancelled = (id: string): Text2LiveError =>
  new Text2LiveError('INTERRUPTED', `The job "${id}" was cancelled. text2live batch retry takes it up again.`)

/** What a process is asked to do for a job: to begin its run, or to go on with it. */
function askedFor({ kind, options, input }: BatchJob, path: string): Job {
  if (!isRunFolder(path)) {
    return kind === 'photo'
      ? imageJobOf({ ...options, photo: input, out: path }, true)
      : videoJobOf({ ...options, clip: input, out: path }, 'edit')
  }
  const { device, threads, previewEvery, guidance } = options as GivenOptions & GivenVideoOptions
  const now = Object.fromEntries(
    Object.entries({ device, threads, previewEvery, guidance }).filter(([, value]) => value !== undefined),
  )
  return { kind: 'resume', run: path, options: now }
}
