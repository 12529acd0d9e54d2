import { createHash, randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Text2LiveError } from '../../errors.js'
import { createLockFile, fileSystemTime, readLockFile, removeLockFile } from './lockFile.js'
import { isAlive, isHere, ownAsker, ownIdentity, type ProcessIdentity } from './processIdentity.js'

/** Who holds a lock. */
export interface LockHolder extends ProcessIdentity {
  /** The process of the same machine that it works for; absent where it works for itself. */
  readonly asker?: Pick<ProcessIdentity, 'pid' | 'born'>
}

export interface ProcessLock {
  /** Its folder has another name now. */
  moved(path: string): void
  /**
   * Before each write to what the lock is for.
   * @throws LEASE_LOST where the lock is another's by now, or nobody's
   */
  assertHeld(): void
  /** Never removes the lock of another. */
  release(): void
}

/** What is in the way of a lock. */
interface Obstacle {
  readonly holder: LockHolder | null
  /** It will be gone in a moment: the lock was released, or somebody is taking over what a dead process left. */
  readonly passing: boolean
}

/** Milliseconds that a take-over by another process may last. */
const patience = 2000

/** Milliseconds without renewal after which the lock of a process that cannot be asked is taken over. */
const lease = 60_000

/**
 * Takes the lock file `path`, or tells who holds it. The lock of a process that is gone (kill -9) is taken over: at
 * once where it ran here; of another machine, which cannot be asked, when it was not renewed for a minute. Both times
 * are the file system's, so no clocks are compared. Null: others keep taking it. It is released when this process ends
 * by itself, whatever it does.
 *
 * A lock is made by exclusive creation, its text in it. Any lock is removed only by who holds its guard, a lock named
 * after the text of the one that goes, and only if that text is still there; so of all that found the same stale lock
 * one removes it, and nobody removes a fresh one. Each text is unique, so a guard says nothing of later locks. A
 * process killed in a take-over leaves a guard that is stale itself, and is taken over in the same way.
 * @throws OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function takeLock(path: string): Promise<ProcessLock | LockHolder | null> {
  const asker = ownAsker() ?? undefined
  const text = JSON.stringify({ ...ownIdentity(), asker, id: randomBytes(8).toString('hex') })
  for (const started = performance.now(); ;) {
    const obstacle = attempt(path, path, text)
    if (obstacle === null) return new HeldLock(path, text)
    if (!obstacle.passing) return obstacle.holder
    if (performance.now() - started > patience) return obstacle.holder
    await sleep(1 + 9 * Math.random())
  }
}

/** The other process that holds the lock file; null where there is none, or it is gone. Nothing is taken over. */
export function lockHolder(path: string): LockHolder | null {
  const found = readLockFile(path)
  const holder = found === null ? null : parseHolder(found.text)
  if (holder === null || (isHere(holder) && holder.pid === process.pid)) return null
  return isStale(path, found!.text) ? null : holder
}

/** Does the holder work for a process that is gone? It ends soon then, with a checkpoint. */
export const isOrphan = (holder: LockHolder): boolean =>
  holder.asker !== undefined && isHere(holder) && !isAlive(holder.asker)

/** "process 12 on host", without this machine's name. */
export const holderText = ({ pid, host }: LockHolder): string =>
  `process ${pid}${host === hostname() ? '' : ` on ${host}`}`

/**
 * One attempt at the lock `path`, which is `root` or one of its guards.
 * @returns null where it is ours now
 */
function attempt(path: string, root: string, text: string): Obstacle | null {
  if (createLockFile(path, text)) return null
  const found = readLockFile(path)?.text ?? null
  // A network drive may have made the lock and lost its answer.
  if (found === text) return null
  if (found === null) return { holder: null, passing: true }
  if (!isStale(path, found)) return { holder: parseHolder(found), passing: false }
  const guard = guardOf(root, found)
  const guarding = attempt(guard, root, text)
  if (guarding !== null) return { ...guarding, passing: true }
  try {
    // It may have been renewed meanwhile.
    if (readLockFile(path)?.text === found && isStale(path, found)) removeLockFile(path)
    return createLockFile(path, text) ? null : { holder: null, passing: true }
  } finally {
    letGo(guard, text)
  }
}

const guardOf = (root: string, text: string): string =>
  `${root}.${createHash('sha256').update(text).digest('hex').slice(0, 16)}`

function letGo(guard: string, text: string): void {
  if (readLockFile(guard)?.text === text) removeLockFile(guard)
}

/** Is the holder that the text names gone? */
function isStale(path: string, text: string): boolean {
  const holder = parseHolder(text)
  if (holder === null) return true
  if (isHere(holder)) return !isAlive(holder)
  // The clock is read first: however long this takes, a lock that is renewed meanwhile does not look older for it.
  const now = fileSystemTime(path)
  const found = readLockFile(path)
  // A lock from the future is renewed by nobody either: the clock was put back.
  return found?.text === text && Math.abs(now - found.writtenAt) > lease
}

function parseHolder(text: string): LockHolder | null {
  try {
    const { pid, host, born, system, asker } = JSON.parse(text) as Partial<LockHolder>
    return Number.isSafeInteger(pid) && Number(pid) > 0 && typeof host === 'string'
      ? {
          pid: Number(pid),
          host,
          born: typeof born === 'string' ? born : null,
          system: typeof system === 'string' ? system : null,
          ...(Number.isSafeInteger(asker?.pid) && asker!.pid > 0
            ? { asker: { pid: asker!.pid, born: typeof asker!.born === 'string' ? asker!.born : null } }
            : {}),
        }
      : null
  } catch {
    return null
  }
}

/** The locks of this thread: what ends by `process.exit` lets them go. */
const ours = new Set<ProcessLock>()
let renewing: Worker | null = null

/** The thread that renews them, which keeps no process from its end. */
function renewer(): Worker {
  if (renewing === null) {
    renewing = new Worker(new URL('./leaseThread.js', import.meta.url), { execArgv: [] })
    renewing.unref()
    process.on('exit', () => {
      for (const each of ours) each.release()
    })
  }
  return renewing
}

class HeldLock implements ProcessLock {
  readonly #text: string
  #path: string

  constructor(path: string, text: string) {
    this.#path = path
    this.#text = text
    ours.add(this)
    renewer().postMessage({ text, path })
  }

  moved(path: string): void {
    this.#path = path
    renewer().postMessage({ text: this.#text, path })
  }

  assertHeld(): void {
    const found = readLockFile(this.#path)?.text ?? null
    if (found === this.#text) return
    const taker = found === null ? null : parseHolder(found)
    throw new Text2LiveError(
      'LEASE_LOST',
      `Expected to hold "${this.#path}" still, but ${taker === null ? 'it was removed' : `${holderText(taker)} took it over`}: ` +
        'this process was suspended for a minute or more, or could not reach the drive. It writes nothing more there. ' +
        'Wait for the other process; what it leaves can be continued.',
    )
  }

  release(): void {
    ours.delete(this)
    renewer().postMessage({ text: this.#text, path: null })
    try {
      if (readLockFile(this.#path)?.text !== this.#text) return
      const guard = guardOf(this.#path, this.#text)
      // Whoever has the guard takes over what is given up here.
      if (!this.#isFree(guard)) return
      try {
        if (readLockFile(this.#path)?.text === this.#text) removeLockFile(this.#path)
      } finally {
        letGo(guard, this.#text)
      }
    } catch {
      // The folder became read-only meanwhile: a dead holder's lock is taken over.
    }
  }
  /** On a full disk nobody gets a guard, so nobody takes over either. */
  #isFree(guard: string): boolean {
    try {
      return attempt(guard, this.#path, this.#text) === null
    } catch (error) {
      if (error instanceof Text2LiveError && error.code === 'DISK_FULL') return true
      throw error
    }
  }
}
