import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { asidePath, removeDeadAsides } from '../../media/node/asidePath.js'
import { replacePath } from '../../media/node/replacePath.js'
import { syncFolder } from '../../media/node/syncFolder.js'
import { writing } from '../fileErrors.js'

/**
 * Lets `write` fill a folder aside, and gives its files their names in `out` when all are written: a failure leaves
 * what was there. What a killed process left aside for the same folder goes first.
 * @param force replace files of these names in a folder that exists
 * @returns the names written
 * @throws OUTPUT_EXISTS, OUTPUT_NOT_WRITABLE, DISK_FULL, what `write` throws
 */
export async function writeAside(
  out: string,
  force: boolean,
  write: (folder: string) => Promise<void>,
): Promise<string[]> {
  assertNew(out, force)
  await removeDeadAsides(out)
  const aside = asidePath(out)
  try {
    await writing(aside, () => mkdir(dirname(out), { recursive: true }))
    await writing(aside, () => mkdir(aside))
    await write(aside)
    assertNew(out, force)
    await writing(out, () => mkdir(out, { recursive: true }))
    const names = (await readdir(aside)).sort()
    for (const name of names) {
      await writing(join(out, name), () => replacePath(join(aside, name), join(out, name)))
    }
    await writing(out, () => syncFolder(dirname(out)))
    return names
  } finally {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** @throws OUTPUT_EXISTS */
function assertNew(out: string, force: boolean): void {
  if (force || !existsSync(out)) return
  throw new Text2LiveError(
    'OUTPUT_EXISTS',
    `${out} exists already and is not overwritten. Choose another folder with --out, or replace its files with --force.`,
  )
}
