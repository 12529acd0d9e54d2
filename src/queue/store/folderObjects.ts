import { constants, createReadStream, createWriteStream } from 'node:fs'
import { access, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Text2LiveError } from '../../errors.js'
import { asidePath, clearAsides } from '../../media/node/asidePath.js'
import { atomicWrite, writeError } from '../../media/node/atomicWrite.js'
import { createLockFile } from '../../media/node/lockFile.js'
import { syncFile, syncFolder } from '../../media/node/syncFolder.js'
import { digestFile } from '../../media/node/digestFile.js'
import { assertDigest } from './fileDigest.js'
import type { FileDigest, ObjectStore } from './objectStore.js'

/**
 * The store in a folder that all machines reach. It must be there: where a drive is not mounted, its empty place would
 * else be filled unseen.
 * @throws STORE_NOT_FOUND, STORE_REFUSED
 */
export async function openFolderObjects(folder: string): Promise<ObjectStore> {
  const found = await stat(folder).catch(() => null)
  if (found?.isDirectory() !== true)
    throw new Text2LiveError(
      'STORE_NOT_FOUND',
      `Expected the shared folder "${folder}" (--store), and there is ${found === null ? 'nothing' : 'no folder'}. Mount it, or make it with mkdir, and try again.`,
    )
  await access(folder, constants.R_OK | constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw new Text2LiveError(
      'STORE_REFUSED',
      `The shared folder "${folder}" (--store) may not be read and written by this user. Give it the rights, or choose another.`,
      { cause },
    )
  })
  return new FolderObjects(folder)
}

class FolderObjects implements ObjectStore {
  readonly place: string

  constructor(folder: string) {
    this.place = folder
  }

  async read(key: string): Promise<Uint8Array | null> {
    return await orNull(readFile(this.#path(key)))
  }

  async write(key: string, data: Uint8Array | string): Promise<void> {
    const path = await this.#made(key)
    await atomicWrite(path, data)
  }

  async create(key: string, data: string): Promise<boolean> {
    return createLockFile(await this.#made(key), data)
  }

  async size(key: string): Promise<number | null> {
    return (await orNull(stat(this.#path(key))))?.size ?? null
  }

  async upload(key: string, path: string, digest: FileDigest): Promise<void> {
    const target = await this.#made(key)
    await clearAsides(dirname(target))
    await copyVerified(path, target, digest)
  }

  async download(key: string, path: string, digest: FileDigest): Promise<boolean> {
    if ((await this.size(key)) === null) return false
    await mkdir(dirname(path), { recursive: true })
    await copyVerified(this.#path(key), path, digest)
    return true
  }

  async children(folder: string): Promise<string[]> {
    const names = (await orNull(readdir(this.#path(folder)))) ?? []
    return names.filter((name) => !name.startsWith('.')).sort()
  }

  async remove(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => rm(this.#path(key), { force: true })))
    // Folders are no objects: those that hold nothing any more are not there either.
    for (const folder of new Set(keys.map((key) => dirname(this.#path(key)))))
      if ((await orNull(readdir(folder)))?.length === 0) await rm(folder, { recursive: true, force: true })
  }

  close(): void {
    // Nothing is held.
  }

  #path(key: string): string {
    return join(this.place, key)
  }

  async #made(key: string): Promise<string> {
    const path = this.#path(key)
    await mkdir(dirname(path), { recursive: true }).catch((cause: unknown) => {
      throw writeError(path, cause)
    })
    return path
  }
}

/** Copies aside, hashes what arrived there, and gives it its name. @throws STORE_DAMAGED, DISK_FULL */
async function copyVerified(from: string, to: string, digest: FileDigest): Promise<void> {
  const aside = asidePath(to)
  try {
    await pipeline(createReadStream(from), createWriteStream(aside, { flags: 'wx' }))
    await syncFile(aside)
    assertDigest(from, digest, await digestFile(aside))
    await rename(aside, to)
    await syncFolder(dirname(to))
  } catch (cause) {
    await rm(aside, { force: true })
    throw writeError(to, cause)
  }
}

async function orNull<T>(found: Promise<T>): Promise<T | null> {
  return await found.catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  })
}
