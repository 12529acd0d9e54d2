import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Text2LiveError } from '../../errors.js'
import { writeError } from '../../media/node/atomicWrite.js'
import { holderText, takeLock, type ProcessLock } from '../../media/node/processLock.js'
import { ConnectionFailure, longestPause, patiently, stopped, type Patience } from './steadyFetch.js'

/** What a file must be: SHA-256 for large files, git's object id for small ones. */
export type Digest = { readonly kind: 'sha256' | 'git'; readonly hex: string }

export interface WantedFile {
  /** Its final place. */
  readonly path: string
  /** What errors call it. */
  readonly name: string
  readonly size: number
  /** Null where the publisher names none: then only the size is checked. */
  readonly digest: Digest | null
  /** Names the file that keeps two processes from fetching it at once. */
  readonly lock: string
  /** The bytes from `start` on. */
  readonly open: (start: number) => Promise<AsyncIterable<Uint8Array>>
}

interface FetchFileOptions {
  readonly patience: Patience
  readonly signal?: AbortSignal | undefined
  /** Bytes that are there so far; also those that another process fetches meanwhile. */
  readonly onBytes: (bytes: number) => void
}

/**
 * Ends the name of a file's part, until all of it is there and proven. Not `.incomplete`: other programs append to
 * that.
 */
export const partSuffix = '.text2live-part'
const partOf = (path: string): string => path + partSuffix
/** Bytes that a disk keeps beside what is downloaded. */
const spareRoom = 64e6
/** Milliseconds between two looks at what another process fetches. */
const watchInterval = 300

/**
 * Fetches a file to its final place: all of it or nothing. A part that is there from before is continued; what arrives
 * is hashed, and only a file of the right hash gets its name. Of two processes that want it, one fetches and the other
 * waits.
 * @throws MODEL_DAMAGED for a wrong size or hash, DISK_FULL before or while it is written, OUTPUT_NOT_WRITABLE,
 *   LEASE_LOST, INTERRUPTED, and what `open` throws
 */
export async function fetchFile(file: WantedFile, options: FetchFileOptions): Promise<void> {
  await making(dirname(file.path))
  await making(dirname(file.lock))
  const lock = await waitForLock(file, options)
  if (lock === null) return
  try {
    if ((await sizeOf(file.path)) !== null) return
    const part = partOf(file.path)
    if (((await sizeOf(part)) ?? 0) > file.size) await rm(part)
    const before = (await sizeOf(part)) ?? 0
    await requireRoom(dirname(file.path), file.name, file.size - before)
    try {
      await fetchPart(file, part, lock, options)
    } catch (error) {
      // The part from before may be of another origin: once more from the start.
      if (before === 0 || !(error instanceof Text2LiveError) || error.code !== 'MODEL_DAMAGED') throw error
      await fetchPart(file, part, lock, options)
    }
    lock.assertHeld()
    await rename(part, file.path).catch((cause: unknown) => {
      throw writeError(file.path, cause)
    })
  } finally {
    lock.release()
  }
}

/** @returns null once another process has fetched the file */
async function waitForLock(
  file: WantedFile,
  { patience, signal, onBytes }: FetchFileOptions,
): Promise<ProcessLock | null> {
  for (let [bytes, grew] = [-1, performance.now()]; ;) {
    const taken = await takeLock(file.lock)
    if (taken !== null && 'release' in taken) return taken
    if (signal?.aborted === true) throw stopped()
    if ((await sizeOf(file.path)) !== null) return null
    const there = (await sizeOf(partOf(file.path))) ?? 0
    if (there !== bytes) [bytes, grew] = [there, performance.now()]
    onBytes(there)
    if (performance.now() - grew > 1000 * (longestPause + patience.stallSeconds))
      throw stuck(file, taken === null ? 'another process' : holderText(taken))
    await sleep(watchInterval)
  }
}

const stuck = (file: WantedFile, holder: string): Text2LiveError =>
  new Text2LiveError(
    'DOWNLOAD_FAILED',
    `${holder} has been fetching ${file.name}, and got no further for minutes. End it and try again. If no such process runs, delete ${file.lock}.`,
  )

async function fetchPart(
  file: WantedFile,
  part: string,
  lock: ProcessLock,
  { patience, signal, onBytes }: FetchFileOptions,
): Promise<void> {
  const handle = await open(part, 'a').catch((cause: unknown) => {
    throw writeError(part, cause)
  })
  try {
    let at = (await handle.stat()).size
    const hash = startHash(file.digest?.kind ?? 'sha256', file.size)
    if (at > 0) for await (const bytes of createReadStream(part, { end: at - 1 })) hash.update(bytes as Uint8Array)
    onBytes(at)
    await patiently(patience, signal, async (progressed) => {
      if (at >= file.size) return
      for await (const bytes of await file.open(at)) {
        if (at + bytes.byteLength > file.size) throw await damaged(file, part, `more than its ${file.size} bytes`)
        lock.assertHeld()
        await append(handle, part, bytes)
        hash.update(bytes)
        at += bytes.byteLength
        progressed()
        onBytes(at)
      }
      if (at < file.size)
        throw new ConnectionFailure(`${file.name} ended after ${at} of its ${file.size} bytes`, 'broken')
    })
    await handle.sync()
    const hex = hash.digest('hex')
    if (file.digest !== null && hex !== file.digest.hex) throw await damaged(file, part, `a file of the hash ${hex}`)
  } finally {
    await handle.close()
  }
}

/** Git's object id is the SHA-1 of the bytes behind a header. */
export function startHash(kind: Digest['kind'], size: number): Hash {
  return kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}

/** The digest of a file as `Digest` has it. */
export async function digestOf(path: string, kind: Digest['kind']): Promise<string> {
  const hash = startHash(kind, (await stat(path)).size)
  for await (const bytes of createReadStream(path)) hash.update(bytes as Uint8Array)
  return hash.digest('hex')
}

async function append(handle: FileHandle, path: string, bytes: Uint8Array): Promise<void> {
  await handle.appendFile(bytes).catch((cause: unknown) => {
    throw writeError(path, cause)
  })
}

/** Nothing that is known to be wrong stays. */
async function damaged(file: WantedFile, part: string, came: string): Promise<Text2LiveError> {
  await rm(part, { force: true })
  return new Text2LiveError(
    'MODEL_DAMAGED',
    `Expected ${file.name} to have ${file.size} bytes${file.digest === null ? '' : ` and the hash ${file.digest.hex}`}, as its publisher says; the server ` +
      `sent ${came}. It was thrown away. Try again; if it stays so, a proxy or mirror between here and there changes files.`,
  )
}

/** @throws DISK_FULL unless `folder` has room for `needed` more bytes */
export async function requireRoom(folder: string, name: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= needed + spareRoom) return
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`
  throw new Text2LiveError(
    'DISK_FULL',
    `Expected room for ${megabytes(needed)} more (${name}), ${folder} has ${megabytes(free)} left. Free some space, or set HF_HUB_CACHE ` +
      'to a folder on another disk.',
  )
}

async function making(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeError(folder, cause)
  })
}

export async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null)
  return found?.isFile() === true ? found.size : null
}
