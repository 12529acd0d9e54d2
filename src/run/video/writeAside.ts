import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { writing } from '../fileErrors.js'

/**
 * Lets `write` fill a folder aside, and gives its files their names in `out` when all are written: a failure leaves what was there.
 * @param force replace files of these names in a folder that exists
 * @returns the names written
 * @throws OUTPUT_EXISTS, OUTPUT_NOT_WRITABLE, DISK_FULL, what `write` throws
 */
export async function writeAside(out: string, force: boolean, write: (folder: string) => Promise<void>): Promise<string[]> {
  assertNew(out, force)
  const aside = join(dirname(out), `.${basename(out)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    await writing(aside, () => mkdir(aside, { recursive: true }))
    await write(aside)
    assertNew(out, force)
    await writing(out, () => mkdir(out, { recursive: true }))
    const names = (await readdir(aside)).sort()
    for (const name of names) {
      await writing(join(out, name), () => rm(join(out, name), { recursive: true, force: true }))
      await writing(join(out, name), () => rename(join(aside, name), join(out, name)))
    }
    return names
  } finally {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** @throws OUTPUT_EXISTS */
function assertNew(out: string, force: boolean): void {
  if (force || !existsSync(out)) return
  throw new Text2LiveError('OUTPUT_EXISTS', `${out} exists already and is not overwritten. Choose another folder with --out, or replace its files with --force.`)
}
