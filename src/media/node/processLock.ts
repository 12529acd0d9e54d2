import { readFileSync, rmSync } from 'node:fs'
import { constants, copyFile, link, open, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { writeError } from './atomicWrite.js'

/** Who holds a lock. `born` tells a process from a later one with the same pid, where the system says. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  readonly born: string | null
}

export interface ProcessLock {
  /** @param path where the lock file is now, if its folder was renamed since */
  release(path?: string): void
}

/** What file systems without hard links (FAT, some network drives) answer. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * Takes the lock file `path`, or tells who holds it: another process, also on another machine. The lock of a process that is gone (kill -9) is
 * taken over; null: others keep taking it.
 * @throws OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function takeLock(path: string): Promise<ProcessLock | LockHolder | null> {
  const mine: LockHolder = { pid: process.pid, host: hostname(), born: birthOf(process.pid) }
  const text = JSON.stringify(mine)
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await createExclusive(path, text)) return releaser(path, text)
    const holder = await removeStale(path)
    if (holder !== null) return holder
  }
  return null
}

/** "process 12 on host", without this machine's name. */
export const holderText = ({ pid, host }: LockHolder): string => `process ${pid}${host === hostname() ? '' : ` on ${host}`}`

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
    throw writeError(path, error)
  } finally {
    await rm(aside, { force: true })
  }
}

/** @returns the holder where it is alive */
async function removeStale(path: string): Promise<LockHolder | null> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  const holder = parseHolder(text)
  if (holder !== null && isAlive(holder)) return holder
  // Another process may have taken the stale lock over since it was read: what is moved away must be what was read.
  const aside = `${path}.stale.${process.pid}.${Math.random().toString(36).slice(2)}`
  try {
    await rename(path, aside)
  } catch {
    return null
  }
  const moved = await readFile(aside, 'utf8').catch(() => '')
  if (moved !== text) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
  return null
}

function releaser(locked: string, text: string): ProcessLock {
  return {
    release(path = locked) {
      try {
        if (readFileSync(path, 'utf8') === text) rmSync(path, { force: true })
      } catch (error) {
        if (!isSystemError(error)) throw error
        // The folder was removed or became read-only meanwhile: nothing left to release, and a dead holder's lock is taken over.
      }
    },
  }
}

function parseHolder(text: string): LockHolder | null {
  try {
    const value = JSON.parse(text) as Partial<LockHolder>
    const { pid, host, born } = value
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host, born: born ?? null } : null
  } catch {
    return null
  }
}

/** A process on another machine cannot be asked; it counts as alive. */
function isAlive({ pid, host, born }: LockHolder): boolean {
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

const isSystemError = (error: unknown): error is NodeJS.ErrnoException & { code: string } =>
  typeof (error as NodeJS.ErrnoException | null)?.code === 'string'
