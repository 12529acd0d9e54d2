import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { isErrorCode, Text2LiveError } from '../../errors.js'
import type { FileDigest, ObjectStore } from './objectStore.js'

const file = z.strictObject({
  key: z.string().min(1).max(1000),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().nonnegative(),
})

/** A name in a run folder: it leads nowhere else. */
const runFileName = z
  .string()
  .regex(/^[^\\\0]{1,1000}$/)
  .refine((name) => name.split('/').every((part) => part !== '' && part !== '.' && part !== '..'))

const stateSchema = z.strictObject({
  protocol: z.literal(1),
  status: z.enum(['working', 'done', 'failed']),
  /** The run folder as it was at one moment, by name; none while nothing is to be gone on from. */
  files: z.record(runFileName, file),
  /** Of the training so far, on all machines together. */
  seconds: z.number().nonnegative(),
  failure: z.strictObject({ code: z.string().refine(isErrorCode), message: z.string() }).optional(),
})

/** What a taking left of a job. */
export type JobState = z.infer<typeof stateSchema>

/** A file of a run folder that is to be kept. */
export interface KeptFile extends FileDigest {
  readonly name: string
  /** Where its bytes are now. */
  readonly path: string
}

const nothing: JobState = { protocol: 1, status: 'working', files: {}, seconds: 0 }

const folderOf = (job: string): string => `jobs/${job}/`
/** Sorted as text, fences are sorted as numbers. */
const fenceName = (fence: number): string => String(fence).padStart(15, '0')

/** The highest fencing number that the store knows of a job; 0 where nobody took it yet. */
export async function highestFence(store: ObjectStore, job: string): Promise<number> {
  return Number((await fencesOf(store, job)).at(-1) ?? 0)
}

/**
 * What is known of a job: that of the highest fence whose files are there.
 * @returns null where nobody took it yet
 */
export async function readJobState(store: ObjectStore, job: string): Promise<JobState | null> {
  for (const fence of (await fencesOf(store, job)).reverse()) {
    const state = parseState(await store.read(`${folderOf(job)}${fence}/${stateName}`))
    if (state !== null) return state
  }
  return null
}

/**
 * Fetches the run folder of a job. Where a file is missing or damaged, for instance since another worker cleared away
 * what it had replaced, the state of the taking before is fetched.
 * @param below takings with a lower fence count alone
 * @returns the state that was fetched; null where there is none to go on from
 */
export async function restoreRun(
  store: ObjectStore,
  job: string,
  folder: string,
  below = Infinity,
): Promise<JobState | null> {
  const fences = (await fencesOf(store, job)).filter((fence) => Number(fence) < below)
  for (const fence of fences.reverse()) {
    const state = parseState(await store.read(`${folderOf(job)}${fence}/${stateName}`))
    if (state === null || Object.keys(state.files).length === 0) continue
    if (await fetchFiles(store, state, folder)) return state
  }
  return null
}

async function fetchFiles(store: ObjectStore, state: JobState, folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true })
  for (const [name, { key, ...digest }] of Object.entries(state.files)) {
    try {
      if (!(await store.download(key, join(folder, name), digest))) return false
    } catch (error) {
      if (error instanceof Text2LiveError && error.code === 'STORE_DAMAGED') return false
      throw error
    }
  }
  return true
}

/**
 * The files of a job in the hand of one taking. Each taking writes under its own fencing number alone, and who reads
 * takes the highest: whatever a stale worker still writes, nobody sees it. It is told so before its next write.
 */
export class JobFiles {
  readonly #store: ObjectStore
  readonly #job: string
  readonly #fence: number
  #state: JobState

  private constructor(store: ObjectStore, job: string, fence: number, state: JobState) {
    this.#store = store
    this.#job = job
    this.#fence = fence
    this.#state = state
  }

  /**
   * Takes over what the taking before left, and shuts it out.
   * @param fence higher than any before
   * @throws LEASE_LOST where there is a higher one
   */
  static async claim(store: ObjectStore, job: string, fence: number): Promise<JobFiles> {
    const before = (await readJobState(store, job)) ?? nothing
    const files = new JobFiles(store, job, fence, before)
    await files.assertHeld()
    if (before.status !== 'done') {
      const { failure: _, ...rest } = before
      await files.#write({ ...rest, status: 'working' })
    }
    return files
  }

  get state(): JobState {
    return this.#state
  }

  /** @throws LEASE_LOST where another worker took the job over */
  async assertHeld(): Promise<void> {
    const highest = await highestFence(this.#store, this.#job)
    if (highest <= this.#fence) return
    throw new Text2LiveError(
      'LEASE_LOST',
      `Expected to work on job ${this.#job} still (taking ${this.#fence}), but another worker took it over (taking ${highest}): ` +
        'this one was suspended, or could not reach the queue. It writes nothing more there.',
    )
  }

  /**
   * Keeps the run folder as it is now; files that are there already are not sent again. When it is told, older ones go.
   * @throws LEASE_LOST, STORE_*
   */
  async save(kept: readonly KeptFile[], status: 'working' | 'done', seconds: number): Promise<void> {
    const before = new Map(Object.values(this.#state.files).map((each) => [each.sha256, each.key]))
    const files: JobState['files'] = {}
    for (const { name, path, sha256, bytes } of kept) {
      const key = before.get(sha256) ?? `${folderOf(this.#job)}${fenceName(this.#fence)}/${sha256}`
      if (!before.has(sha256)) {
        await this.assertHeld()
        await this.#store.upload(key, path, { sha256, bytes })
        before.set(sha256, key)
      }
      files[name] = { key, sha256, bytes }
    }
    await this.#write({ protocol: 1, status, files, seconds })
    await this.#clear()
  }

  /** The next worker goes on from what was kept, when somebody puts the job back. @throws LEASE_LOST, STORE_* */
  async fail(failure: NonNullable<JobState['failure']>): Promise<void> {
    await this.#write({ ...this.#state, status: 'failed', failure })
  }

  async #write(state: JobState): Promise<void> {
    await this.assertHeld()
    await this.#store.write(`${folderOf(this.#job)}${fenceName(this.#fence)}/${stateName}`, JSON.stringify(state))
    this.#state = state
  }

  /** Removes what no state needs any more, of this taking and of those before. */
  async #clear(): Promise<void> {
    const needed = new Set(Object.values(this.#state.files).map(({ key }) => key))
    needed.add(`${folderOf(this.#job)}${fenceName(this.#fence)}/${stateName}`)
    for (const fence of await fencesOf(this.#store, this.#job)) {
      if (Number(fence) > this.#fence) return
      const folder = `${folderOf(this.#job)}${fence}/`
      const keys = (await this.#store.children(folder)).map((name) => `${folder}${name}`)
      await this.#store.remove(keys.filter((key) => !needed.has(key)))
    }
  }
}

const stateName = 'state.json'

async function fencesOf(store: ObjectStore, job: string): Promise<string[]> {
  return (await store.children(folderOf(job))).filter((name) => /^\d{15}$/.test(name))
}

function parseState(bytes: Uint8Array | null): JobState | null {
  if (bytes === null) return null
  try {
    return stateSchema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return null
  }
}
