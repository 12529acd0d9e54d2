import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { Text2LiveError } from '../../errors.js'
import { pathHint } from '../../pathHint.js'

/** What a file that is read should be. */
export interface ExpectedFile {
  /** What it is, for a message: "an image file". */
  readonly what: string
  /** Greatest size, bytes. */
  readonly maxBytes: number
  readonly signal?: AbortSignal | undefined
}

/** Opening does not wait for a writer. Windows has no such flag, and `undefined` counts as 0. */
export const openToRead = constants.O_RDONLY | constants.O_NONBLOCK
/** Bytes that are read at a time: a signal is looked at between them. */
const portion = 2 ** 26

/**
 * Reads a regular file whole. A pipe, a device or a socket never is one: opening does not wait for a writer, and
 * nothing without an end is read.
 * @throws INPUT_NOT_FOUND where there is none, it is a folder or no regular file, or it cannot be read; INPUT_TOO_LARGE
 */
export async function readRegularFile(path: string, expected: ExpectedFile): Promise<Uint8Array> {
  let file: FileHandle | null = null
  try {
    file = await open(path, openToRead)
    const bytes = Buffer.allocUnsafe(expectedSize(path, await file.stat(), expected))
    // What a file grows by meanwhile is none of it.
    for (let at = 0; at < bytes.length;) {
      expected.signal?.throwIfAborted()
      const { bytesRead } = await file.read(bytes, at, Math.min(portion, bytes.length - at), at)
      if (bytesRead === 0) return bytes.subarray(0, at)
      at += bytesRead
    }
    return bytes
  } catch (cause) {
    if (expected.signal?.aborted === true) throw cause
    throw unreadable(path, expected, cause)
  } finally {
    await file?.close()
  }
}

/** The same at once, for small files. */
export function readRegularFileSync(path: string, expected: Omit<ExpectedFile, 'signal'>): Buffer {
  let file: number | null = null
  try {
    file = openSync(path, openToRead)
    const bytes = Buffer.allocUnsafe(expectedSize(path, fstatSync(file), expected))
    for (let at = 0; at < bytes.length;) {
      const bytesRead = readSync(file, bytes, at, bytes.length - at, at)
      if (bytesRead === 0) return bytes.subarray(0, at)
      at += bytesRead
    }
    return bytes
  } catch (cause) {
    throw unreadable(path, expected, cause)
  } finally {
    if (file !== null) closeSync(file)
  }
}

/**
 * Bytes of what is expected to be a regular file.
 * @throws INPUT_NOT_FOUND, INPUT_TOO_LARGE
 */
export function expectedSize(
  path: string,
  info: Stats,
  { what, maxBytes }: Pick<ExpectedFile, 'what' | 'maxBytes'>,
): number {
  if (info.isDirectory())
    throw new Text2LiveError('INPUT_NOT_FOUND', `Expected ${what}, but "${path}" is a folder. Name a file in it.`)
  if (!info.isFile()) {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `Expected ${what}, but "${path}" is no regular file (a pipe, a device or a socket). Copy what it gives into a file and name that.`,
    )
  }
  if (info.size > maxBytes)
    throw new Text2LiveError(
      'INPUT_TOO_LARGE',
      `Expected ${what} of at most ${maxBytes} bytes, but "${path}" has ${info.size}. Make it smaller.`,
    )
  return info.size
}

function unreadable(path: string, { what }: Pick<ExpectedFile, 'what'>, cause: unknown): Text2LiveError {
  if (cause instanceof Text2LiveError) return cause
  const reason = (cause as NodeJS.ErrnoException).code
  const came =
    reason === 'ENOENT' || reason === 'ENOTDIR'
      ? `there is no file "${path}". ${pathHint(path)}`
      : `"${path}" cannot be read (${reason ?? String(cause)}). Check its permissions.`
  return new Text2LiveError('INPUT_NOT_FOUND', `Expected ${what}, but ${came}`, { cause })
}
