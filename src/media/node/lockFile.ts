import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { asidePath } from './asidePath.js'
import { writeError } from './atomicWrite.js'

/** What lies at the path of a lock. */
export interface LockFile {
  /** Empty for what is no lock of ours. */
  readonly text: string
  /** When it was written last, milliseconds of its file system's clock. */
  readonly writtenAt: number
}

/** What file systems without hard links (FAT, some network drives) answer. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * A lock appears with its text in it or not at all: written aside and linked, or where there are no links, in a folder
 * that is renamed, which a folder with a file in it stands against.
 * @returns false where there is one already
 * @throws OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export function createLockFile(path: string, text: string): boolean {
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
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false
    throw error
  }
}

/** leaseThread.js has it too. */
const inFolder = 'holder'

/**
 * Moved away first: a lock is there or not, also one that is a folder. Only for who holds the lock's guard.
 * @throws OUTPUT_NOT_WRITABLE
 */
export function removeLockFile(path: string): void {
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
 * What lies at the path of a lock; null where there is nothing. A link is not followed. The file is opened for its time
 * too: a network drive may answer for a name what it remembers, and not for a file that is opened.
 */
export function readLockFile(path: string, inside = false): LockFile | null {
  let file: number
  try {
    const found = lstatSync(path)
    const other = { text: '', writtenAt: found.mtimeMs }
    if (found.isDirectory()) {
      const lock = inside ? other : readLockFile(join(path, inFolder), true)
      // Without its file it is none of ours, or was released while we looked.
      return lock ?? (lstatSync(path).ino === found.ino ? other : null)
    }
    if (!found.isFile()) return other
    // Windows has no such flags, and `undefined` counts as 0.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    if (code === 'ELOOP' || code === 'ENXIO') return { text: '', writtenAt: 0 }
    throw writeError(path, error)
  }
  try {
    const found = fstatSync(file)
    if (!found.isFile()) return { text: '', writtenAt: found.mtimeMs }
    const bytes = Buffer.alloc(4096)
    return { text: bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0)), writtenAt: found.mtimeMs }
  } finally {
    closeSync(file)
  }
}

/**
 * What the clock of a file system says, milliseconds: the time that a file gets which is written now beside `path`.
 * @throws OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export function fileSystemTime(path: string): number {
  const aside = asidePath(path)
  try {
    const file = openSync(aside, 'wx')
    try {
      writeSync(file, 'now')
      fsyncSync(file)
      return fstatSync(file).mtimeMs
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw writeError(path, error)
  } finally {
    rmSync(aside, { force: true })
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? ''
