import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { asidePath } from './asidePath.js'
import { syncFolder } from './syncFolder.js'

/**
 * Writes a file so that at every moment `path` holds either what was there before or all of `data`: to a temporary file
 * in the same folder, flushed to the disk, then renamed, which is flushed too: what is written outlasts a loss of
 * power. On failure the temporary file is removed. A link at `path` is replaced, and what it points to stays as it is.
 *
 * @param data bytes or text; or pieces of bytes, each made when the one before is written
 * @throws Text2LiveError DISK_FULL, OUTPUT_NOT_WRITABLE
 */
export async function atomicWrite(path: string, data: Uint8Array | string | Iterable<Uint8Array>): Promise<void> {
  const temporary = asidePath(path)
  try {
    const file = await open(temporary, 'wx')
    try {
      for (const piece of typeof data === 'string' || data instanceof Uint8Array ? [data] : data)
        await file.writeFile(piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw writeError(path, cause)
  }
}

/** The error a person can act on for a failed write of `path`; other failures come back as they are. */
export function writeError(path: string, cause: unknown): unknown {
  const reason = (cause as NodeJS.ErrnoException | undefined)?.code
  if (reason === 'ENOSPC' || reason === 'EDQUOT' || reason === 'EFBIG') {
    return new Text2LiveError(
      'DISK_FULL',
      `There is no room to write "${path}" (${reason}). Free some space, or choose another folder.`,
      { cause },
    )
  }
  if (
    reason === 'EACCES' ||
    reason === 'EROFS' ||
    reason === 'EPERM' ||
    reason === 'ENOENT' ||
    reason === 'ENOTDIR' ||
    reason === 'EISDIR'
  ) {
    return new Text2LiveError(
      'OUTPUT_NOT_WRITABLE',
      `"${path}" cannot be written (${reason}). Choose a folder that exists and that you may write to.`,
      { cause },
    )
  }
  return cause
}
