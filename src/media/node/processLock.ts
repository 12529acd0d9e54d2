import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { asidePath } from './asidePath.js'
import { writeError } from './atomicWrite.js'
import { isAlive, ownIdentity, type ProcessIdentity } from './processIdentity.js'

/** Who holds a lock. */
export type LockHolder = ProcessIdentity

export interface ProcessLock {
  /** Its folder has another name now. */
  moved(path: string): void
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

/**
 * Takes the lock file `path`, or tells who holds it: another process, also on another machine. The lock of a process
 * that is gone (kill -9) is taken over; null: others keep taking it. It is released when this process ends by itself,
 * whatever it does.
 *
 * A lock is made by exclusive creation, its text in it. A stale one is removed only by who holds its guard, a lock
 * named after the stale one's text, and only if that text is still there; so of all that found the same stale lock one
 * removes it, and nobody removes a fresh one. Each text is unique, so a guard says nothing of later locks. A process
 * killed in a take-over leaves a guard that is stale itself, and is taken over in the same way.
 * @throws OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function takeLock(path: string): Promise<ProcessLock | LockHolder | null> {
  const text = JSON.stringify({ ...ownIdentity(), id: randomBytes(8).toString('hex') })
  for (const started = performance.now(); ;) {
    const obstacle = attempt(path, path, text)
    if (obstacle === null) return held(path, text)
    if (!obstacle.passing) return obstacle.holder
    if (performance.now() - started > patience) return obstacle.holder
    await sleep(1 + 9 * Math.random())
  }
}

/** The other process that holds the lock file; null where there is none, or it is gone. Nothing is taken over. */
export function lockHolder(path: string): LockHolder | null {
  const found = readLock(path)
  const holder = found === null ? null : parseHolder(found)
  const { pid, host } = ownIdentity()
  if (holder === null || (holder.pid === pid && holder.host === host)) return null
  return isAlive(holder) ? holder : null
}

/** "process 12 on host", without this machine's name. */
export const holderText = ({ pid, host }: LockHolder): string =>
  `process ${pid}${host === hostname() ? '' : ` on ${host}`}`

/**
 * One attempt at the lock `path`, which is `root` or one of its guards.
 * @returns null where it is ours now
 */
function attempt(path: string, root: string, text: string): Obstacle | null {
  if (createExclusive(path, text)) return null
  const found = readLock(path)
  // A network drive may have made the lock and lost its answer.
  if (found === text) return null
  if (found === null) return { holder: null, passing: true }
  const holder = parseHolder(found)
  if (holder !== null && isAlive(holder)) return { holder, passing: false }
  const guard = `${root}.${createHash('sha256').update(found).digest('hex').slice(0, 16)}`
  const guarding = attempt(guard, root, text)
  if (guarding !== null) return { ...guarding, passing: true }
  try {
    if (readLock(path) === found) remove(path)
    return createExclusive(path, text) ? null : { holder: null, passing: true }
  } finally {
    if (readLock(guard) === text) remove(guard)
  }
}

/** What file systems without hard links (FAT, some network drives) answer. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * A lock appears with its text in it or not at all: written aside and linked, or where there are no links, in a folder
 * that is renamed, which a folder with a file in it stands against.
 */
function createExclusive(path: string, text: string): boolean {
  const aside = asidePath(path)
  try {
    writeFileSync(aside, text, { flag: 'wx' })
    try {
      linkSync(aside, path)
      return true
    } catch (error) {
      const code = codeOf(error)
      // The holder clears away what lies aside; then it has the lock.
      if (code === 'EEXIST' || code === 'ENOENT') return false
      if (!noLinks.has(code)) throw error
    }
    rmSync(aside, { force: true })
    return renameFolder(aside, path, text)
  } catch (error) {
    throw writeError(path, error)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

/** Exported for a test on file systems that have links. */
export function renameFolder(aside: string, path: string, text: string): boolean {
  mkdirSync(aside)
  writeFileSync(join(aside, inFolder), text, { flag: 'wx' })
  try {
    renameSync(aside, path)
    return true
  } catch (error) {
    if (exists(path)) return false
    throw error
  }
}

const inFolder = 'holder'

/**
 * Moved away first: a lock is there or not, also one that is a folder. Nobody else changes it between: it is ours, or
 * we hold its guard.
 */
function remove(path: string): void {
  const aside = asidePath(path)
  try {
    renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw writeError(path, error)
  }
  rmSync(aside, { recursive: true, force: true })
}

/**
 * The text of a lock; empty for what is none of ours, such as a link, which is not followed; null where there is
 * nothing.
 */
function readLock(path: string, inside = false): string | null {
  let file: number
  try {
    const found = lstatSync(path)
    if (found.isDirectory()) {
      const text = inside ? '' : readLock(join(path, inFolder), true)
      // Without its file it is none of ours, or was released while we looked.
      return text ?? (lstatSync(path).ino === found.ino ? '' : null)
    }
    if (!found.isFile()) return ''
    // Windows has no such flags, and `undefined` counts as 0.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    if (code === 'ELOOP' || code === 'ENXIO') return ''
    throw writeError(path, error)
  }
  try {
    if (!fstatSync(file).isFile()) return ''
    const bytes = Buffer.alloc(4096)
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(file)
  }
}

function parseHolder(text: string): LockHolder | null {
  try {
    const { pid, host, born } = JSON.parse(text) as Partial<LockHolder>
    return Number.isSafeInteger(pid) && Number(pid) > 0 && typeof host === 'string'
      ? { pid: Number(pid), host, born: typeof born === 'string' ? born : null }
      : null
  } catch {
    return null
  }
}

/** The locks of this thread: what ends by `process.exit` lets them go. */
const ours = new Set<ProcessLock>()
let watching = false

function held(path: string, text: string): ProcessLock {
  let at = path
  const lock: ProcessLock = {
    moved(to) {
      at = to
    },
    release() {
      ours.delete(lock)
      try {
        if (readLock(at) === text) remove(at)
      } catch {
        // The folder became read-only meanwhile: a dead holder's lock is taken over.
      }
    },
  }
  ours.add(lock)
  if (!watching)
    process.on('exit', () => {
      for (const each of ours) each.release()
    })
  watching = true
  return lock
}

const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined
const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? ''
