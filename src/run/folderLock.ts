import { constants, copyFile, link, open, readFile, rename, rm } from 'node:fs/promises'
import { readFileSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { isSystemError, writeError } from './fileErrors.js'

/** Who holds a run folder. `born` tells a process from a later one with the same pid, where the system says. */
interface Holder {
  readonly pid: number
  readonly host: string
  readonly born: string | null
}

interface FolderLock {
  /** @param folder where the folder is now, if it was renamed since */
  release(folder?: string): void
}

const lockName = '.lock'

/** What file systems without hard links (FAT, some network drives) answer. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * Keeps two processes from writing one run folder. The lock of a process that is gone (kill -9) is taken over.
 * @throws RUN_LOCKED, OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, lockName)
  const mine: Holder = { pid: process.pid, host: hostname(), born: birthOf(process.pid) }
  const text = JSON.stringify(mine)
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await createExclusive(path, text)) return releaser(folder, text)
    await removeStale(path, folder)
  }
  throw locked(folder, 'another process keeps taking it')
}

async function createExclusive(path: string, text: string): Promise<boolean> {
  // Written aside and linked: a lock is never seen half-written.
  const aside = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  try {
    const file = await open(aside, 'wx')
    try { await file.writeFile(text) } finally { await file.close() }
    await link(aside, path).catch((error: unknown) => {
      if (isSystemError(error) && noLinks.has(error.code)) return copyFile(aside, path, constants.COPYFILE_EXCL)
      throw error
    })
    return true
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return false
    throw writeError(error, path)
  } finally {
    await rm(aside, { force: true })
  }
}

async function removeStale(path: string, folder: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return
  const holder = parseHolder(text)
  if (holder !== null && isAlive(holder)) {
    throw locked(folder, `process ${holder.pid}${holder.host === hostname() ? '' : ` on ${holder.host}`} is writing it`)
  }
  // Another process may have taken the stale lock over since it was read: what is moved away must be what was read.
  const aside = `${path}.stale.${process.pid}.${Math.random().toString(36).slice(2)}`
  try {
    await rename(path, aside)
  } catch {
    return
  }
  const moved = await readFile(aside, 'utf8').catch(() => '')
  if (moved !== text) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}

function releaser(lockedFolder: string, text: string): FolderLock {
  return {
    release(folder = lockedFolder) {
      const path = join(folder, lockName)
      try {
        if (readFileSync(path, 'utf8') === text) rmSync(path, { force: true })
      } catch (error) {
        if (!isSystemError(error)) throw error
        // The folder was removed or became read-only meanwhile: nothing left to release, and a dead holder's lock is taken over.
      }
    },
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const value = JSON.parse(text) as Partial<Holder>
    const { pid, host, born } = value
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host, born: born ?? null } : null
  } catch {
    return null
  }
}

/** A process on another machine cannot be asked; it counts as alive. */
function isAlive({ pid, host, born }: Holder): boolean {
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(isSystemError(error) && error.code === 'EPERM')) return false
  }
  return born === null || birthOf(pid) === born
}

/** When the process started, in clock ticks since boot (field 22 of /proc/<pid>/stat); null where there is no /proc. */
function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

function locked(folder: string, why: string): Text2LiveError {
  return new Text2LiveError('RUN_LOCKED',
    `${folder} is in use: ${why}. Wait for it or stop it, or choose another folder with --out. If no such process runs, delete ${join(folder, lockName)}.`)
}
