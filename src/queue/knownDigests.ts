import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { atomicWrite } from '../media/node/atomicWrite.js'
import { digestFile } from '../media/node/digestFile.js'
import { readRegularFile } from '../media/node/readRegularFile.js'
import type { FileDigest } from './store/objectStore.js'

const fileName = '.batch.digests.json'

/** Of some hundred thousand files. */
const maxBytes = 2 ** 27

/**
 * Milliseconds that a file must have been left alone before its digest is kept: another change within the same tick of
 * the file system's clock, which may not be this machine's, would not be told by its times.
 */
const settled = 60_000

const entrySchema = z.strictObject({
  /** Inode, length, and both times of change: that of the content, and the one that no program sets. */
  stamp: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().nonnegative(),
})
const fileSchema = z.record(z.string(), entrySchema)

/** The digests of a list's inputs, kept in the folder of its batch: a file that is as it was is not read again. */
export class KnownDigests {
  readonly #folder: string
  readonly #kept: Map<string, z.infer<typeof entrySchema>>
  #isNew = false

  private constructor(folder: string, kept: Map<string, z.infer<typeof entrySchema>>) {
    this.#folder = folder
    this.#kept = kept
  }

  /** @param folder that of the batch; it need not be there */
  static async open(folder: string): Promise<KnownDigests> {
    try {
      const bytes = await readRegularFile(join(folder, fileName), { what: 'digests of inputs', maxBytes })
      const kept = fileSchema.parse(JSON.parse(new TextDecoder().decode(bytes)))
      return new KnownDigests(folder, new Map(Object.entries(kept)))
    } catch {
      // What is not there, or cannot be read, is made anew.
      return new KnownDigests(folder, new Map())
    }
  }

  readonly digest = async (path: string): Promise<FileDigest> => {
    const [name, before] = [resolve(path), await stampOf(path)]
    const known = this.#kept.get(name)
    if (known?.stamp === before.stamp) return { sha256: known.sha256, bytes: known.bytes }
    const digest = await digestFile(path)
    const after = await stampOf(path)
    if (after.stamp === before.stamp && Date.now() - after.changed > settled) {
      this.#kept.set(name, { stamp: after.stamp, ...digest })
      this.#isNew = true
    }
    return digest
  }

  /** Keeps what was read since, where the batch has its folder. @throws DISK_FULL, OUTPUT_NOT_WRITABLE */
  async save(): Promise<void> {
    if (!this.#isNew || !existsSync(this.#folder)) return
    await atomicWrite(join(this.#folder, fileName), JSON.stringify(Object.fromEntries(this.#kept)))
    this.#isNew = false
  }
}

async function stampOf(path: string): Promise<{ readonly stamp: string; readonly changed: number }> {
  const { ino, size, mtimeNs, ctimeNs, ctimeMs } = await stat(path, { bigint: true })
  return { stamp: [ino, size, mtimeNs, ctimeNs].join(':'), changed: Number(ctimeMs) }
}
