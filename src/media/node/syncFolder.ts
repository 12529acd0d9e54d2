import { constants, open } from 'node:fs/promises'

/** What systems answer that cannot flush a folder, or where it may be written to but not read. */
const cannot = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES', 'EPERM', 'EISDIR', 'EBADF'])

/**
 * Flushes the names in a folder to the disk: only then does a rename outlast a loss of power. Windows has no such call
 * and does without; its file systems keep a journal of names.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  try {
    const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!cannot.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Flushes the bytes of a file that was written by other means than a handle of ours, as a copy is. */
export async function syncFile(path: string): Promise<void> {
  // Windows flushes only what may be written to.
  const handle = await open(path, process.platform === 'win32' ? 'r+' : 'r').catch((error: unknown) => {
    if (cannot.has((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  })
  try {
    await handle?.sync()
  } finally {
    await handle?.close()
  }
}
