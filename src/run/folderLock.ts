import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Text2LiveError } from '../errors.js'
import { isHere } from '../media/node/processIdentity.js'
import { holderText, isOrphan, type LockHolder, type ProcessLock, takeLock } from '../media/node/processLock.js'
import { writing } from './fileErrors.js'

export interface FolderLock {
  /** @param folder where the folder is now */
  moved(folder: string): void
  /** @throws LEASE_LOST where another process took the folder over */
  assertHeld(): void
  release(): void
}

export const lockName = '.lock'
/** Is it the name of a lock, or of the guard of one? */
export const isLock = (name: string): boolean => name === lockName || name.startsWith(`${lockName}.`)
/** Of a folder of runs that a studio serves. */
export const studioLockName = '.studio.lock'

/** Whoever waits for a folder that is about to be free. */
export interface FolderWait {
  /** Told once why he waits. */
  readonly onNote: (message: string) => void
  readonly signal: AbortSignal
}

/** Milliseconds that the process of a command that was killed may take to end its step. */
const patience = 60_000

/**
 * Keeps two processes from writing one run folder. The lock of a process that is gone (kill -9) is taken over: see
 * `takeLock`.
 * @param wait absent: who holds it is not waited for
 * @throws RUN_LOCKED, OUTPUT_NOT_WRITABLE, DISK_FULL; the signal's reason
 */
export async function lockFolder(folder: string, wait?: FolderWait): Promise<FolderLock> {
  const path = join(folder, lockName)
  const take = () => writing(path, () => takeLock(path))
  let taken = await take()
  if (wait !== undefined && isHolder(taken) && isOrphan(taken)) {
    wait.onNote(`${holderText(taken)} keeps the last step of a command that was killed; waiting for it to end`)
    for (const started = performance.now(); isHolder(taken) && performance.now() - started < patience;) {
      await sleep(100)
      wait.signal.throwIfAborted()
      taken = await take()
    }
  }
  if (taken === null) throw locked(folder, 'another process keeps taking it', stale(folder))
  if (isHolder(taken)) throw locked(folder, `${holderText(taken)} is writing it`, isHere(taken) ? stale(folder) : gone)
  return {
    moved: (now) => taken.moved(join(now, lockName)),
    assertHeld: () => taken.assertHeld(),
    release: () => taken.release(),
  }
}

const isHolder = (taken: ProcessLock | LockHolder | null): taken is LockHolder => taken !== null && 'pid' in taken

function locked(folder: string, why: string, otherwise: string): Text2LiveError {
  return new Text2LiveError(
    'RUN_LOCKED',
    `${folder} is in use: ${why}. Wait for it or stop it, or choose another folder with --out. ${otherwise}`,
  )
}

const stale = (folder: string): string => `If no such process runs, delete ${join(folder, lockName)}.`
const gone =
  'If that machine is gone, try again in a minute: the folder is free when nobody has renewed its lock that long.'
