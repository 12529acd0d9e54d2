import { copyFile, link, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Text2LiveError } from '../errors.js'
import { digestFile } from '../media/node/digestFile.js'
import type { JobFiles, KeptFile } from './store/jobFiles.js'
import type { FileDigest } from './store/objectStore.js'

/** What a file was when it was looked at: another one, or other bytes, is told by it. */
type Stamps = ReadonlyMap<string, string>

/**
 * Keeps in the store what a run folder holds, while the run goes on. What is kept is the folder as it was at one
 * moment, so that another worker goes on from it as from a folder whose process was killed then.
 */
export class RunMirror {
  readonly #folder: string
  readonly #aside: string
  readonly #files: JobFiles
  readonly #onDelay: (error: Text2LiveError) => void
  /** Digests by stamp: a file that stays is hashed once. */
  #digests = new Map<string, FileDigest>()
  #saving: Promise<void> | null = null
  #asked = false
  #lost: Error | null = null

  /**
   * @param aside a folder beside it, on the same drive, that nobody else uses
   * @param onDelay told where the store cannot be reached: the next save keeps what this one could not
   */
  constructor(folder: string, aside: string, files: JobFiles, onDelay: (error: Text2LiveError) => void) {
    this.#folder = folder
    this.#aside = aside
    this.#files = files
    this.#onDelay = onDelay
  }

  /** Keeps what there is now, in the background; asked while it is at it, once more afterwards. */
  request(seconds: number): void {
    this.#asked = true
    this.#saving ??= this.#saveAll(seconds)
  }

  async #saveAll(seconds: number): Promise<void> {
    while (this.#asked && this.#lost === null) {
      this.#asked = false
      try {
        await this.#save('working', seconds)
      } catch (error) {
        if (error instanceof Text2LiveError && error.code === 'STORE_UNREACHABLE') this.#onDelay(error)
        else this.#lost = error as Error
      }
    }
    this.#saving = null
  }

  /**
   * Keeps what the run left, once it has ended, as the last state of this taking.
   * @throws LEASE_LOST, STORE_*, and what an earlier save failed by
   */
  async settle(status: 'working' | 'done', seconds: number): Promise<void> {
    this.#asked = false
    await this.#saving
    if (this.#lost !== null) throw this.#lost
    await this.#save(status, seconds)
  }

  async #save(status: 'working' | 'done', seconds: number): Promise<void> {
    try {
      const kept = await this.#snapshot()
      if (kept !== null) await this.#files.save(kept, status, seconds)
    } finally {
      await rm(this.#aside, { recursive: true, force: true })
    }
  }

  /**
   * The folder as it was at one moment, as links to the files of then: what a run writes it writes aside and renames,
   * so that a file that is linked never changes. Logs, which grow, are copied last.
   * @returns null where the run made its next files each time that this was at it
   */
  async #snapshot(): Promise<KeptFile[] | null> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      await rm(this.#aside, { recursive: true, force: true })
      const before = await stampsOf(this.#folder)
      if (await this.#linkAll([...before.keys()])) {
        const after = await stampsOf(this.#folder)
        if (sameMoment(before, after)) return await this.#digested(before)
      }
      await sleep(20)
    }
    return null
  }

  /** @returns false where one is gone by now */
  async #linkAll(names: readonly string[]): Promise<boolean> {
    for (const name of [...names.filter((name) => !isLog(name)), ...names.filter(isLog)]) {
      const [from, to] = [join(this.#folder, name), join(this.#aside, name)]
      await mkdir(dirname(to), { recursive: true })
      try {
        if (isLog(name)) await copyFile(from, to)
        // Where a file system has no links, a copy does, that takes longer.
        else await link(from, to).catch(() => copyFile(from, to))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
        throw error
      }
    }
    return true
  }

  async #digested(stamps: Stamps): Promise<KeptFile[]> {
    const kept: KeptFile[] = []
    const digests = new Map<string, FileDigest>()
    for (const [name, stamp] of stamps) {
      const path = join(this.#aside, name)
      const digest = (isLog(name) ? undefined : this.#digests.get(stamp)) ?? (await digestFile(path))
      digests.set(stamp, digest)
      kept.push({ name, path, ...digest })
    }
    this.#digests = digests
    return kept
  }
}

const attempts = 20

const isLog = (name: string): boolean => name.endsWith('.ndjson')

/** Is it something that a run goes on without: what it looks like on the way? */
const isOnlySeen = (name: string): boolean => isLog(name) || name.split('/').includes('previews')

function sameMoment(before: Stamps, after: Stamps): boolean {
  const needed = (stamps: Stamps): string =>
    [...stamps]
      .filter(([name]) => !isOnlySeen(name))
      .map((entry) => entry.join('='))
      .join('\n')
  return needed(before) === needed(after)
}

/** The files of a run folder by name, without its lock and what is made aside. */
async function stampsOf(folder: string): Promise<Stamps> {
  const found = new Map<string, string>()
  const walk = async (prefix: string): Promise<void> => {
    const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch(() => [])
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.')) continue
      const name = `${prefix}${entry.name}`
      if (entry.isDirectory()) await walk(`${name}/`)
      else if (entry.isFile()) {
        const stats = await stat(join(folder, name), { bigint: true }).catch(() => null)
        if (stats !== null) found.set(name, `${name}:${stats.ino}:${stats.size}:${stats.mtimeNs}`)
      }
    }
  }
  await walk('')
  return found
}
