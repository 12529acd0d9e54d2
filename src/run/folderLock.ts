import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { holderText, takeLock } from '../media/node/processLock.js'
import { writing } from './fileErrors.js'

interface FolderLock {
  /** @param folder where the folder is now */
  moved(folder: string): void
  release(): void
}

export const lockName = '.lock'

/**
 * Keeps two processes from writing one run folder. The lock of a process that is gone (kill -9) is taken over.
 * @throws RUN_LOCKED, OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, lockName)
  const taken = await writing(path, () => takeLock(path))
  if (taken === null) throw locked(folder, 'another process keeps taking it')
  if ('pid' in taken) throw locked(folder, `${holderText(taken)} is writing it`)
  return { moved: (now) => taken.moved(join(now, lockName)), release: () => taken.release() }
}

function locked(folder: string, why: string): Text2LiveError {
  return new Text2LiveError(
    'RUN_LOCKED',
    `${folder} is in use: ${why}. Wait for it or stop it, or choose another folder with --out. If no such process runs, delete ${join(folder, lockName)}.`,
  )
}
