import { constants, open, type FileHandle } from 'node:fs/promises'
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

/**
 * Reads a regular file whole. A pipe, a device or a socket never is one: opening does not wait for a writer, and nothing without an end is read.
 * @throws INPUT_NOT_FOUND where there is none, it is a folder or no regular file, or it cannot be read; INPUT_TOO_LARGE
 */
export async function readRegularFile(path: string, { what, maxBytes, signal }: ExpectedFile): Promise<Uint8Array> {
  let file: FileHandle | null = null
  try {
    // Windows has no such flag, and `undefined` counts as 0.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const info = await file.stat()
    if (info.isDirectory()) throw new Text2LiveError('INPUT_NOT_FOUND', `Expected ${what}, but "${path}" is a folder. Name a file in it.`)
    if (!info.isFile()) {
      throw new Text2LiveError('INPUT_NOT_FOUND', `Expected ${what}, but "${path}" is no regular file (a pipe, a device or a socket). Copy what it gives into a file and name that.`)
    }
    if (info.size > maxBytes) throw new Text2LiveError('INPUT_TOO_LARGE', `Expected ${what} of at most ${maxBytes} bytes, but "${path}" has ${info.size}. Make it smaller.`)
    return await file.readFile({ signal })
  } catch (cause) {
    if (cause instanceof Text2LiveError) throw cause
    const reason = (cause as NodeJS.ErrnoException).code
    const came = reason === 'ENOENT' || reason === 'ENOTDIR'
      ? `there is no file "${path}". ${pathHint(path)}`
      : `"${path}" cannot be read (${reason ?? String(cause)}). Check its permissions.`
    throw new Text2LiveError('INPUT_NOT_FOUND', `Expected ${what}, but ${came}`, { cause })
  } finally {
    await file?.close()
  }
}
