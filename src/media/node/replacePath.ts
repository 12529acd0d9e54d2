import { lstat, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { asidePath, removeDeadAsides } from './asidePath.js'
import { syncFolder } from './syncFolder.js'

/**
 * Gives a file or folder that was made aside its name, in place of what has that name. A file takes it at once; of a
 * folder the old one is moved away first, since no system exchanges two. A link is replaced, and what it points to
 * stays as it is.
 */
export async function replacePath(from: string, to: string): Promise<void> {
  await removeDeadAsides(to)
  const [made, old] = [await lstat(from), await lstat(to).catch(() => null)]
  if (old === null || (!made.isDirectory() && !old.isDirectory())) await rename(from, to)
  else {
    const aside = asidePath(to)
    await rename(to, aside)
    await rename(from, to)
    await rm(aside, { recursive: true, force: true })
  }
  await syncFolder(dirname(to))
}
