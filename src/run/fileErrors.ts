import { Text2LiveError } from '../errors.js'
import { writeError as mediaWriteError } from '../media/node/atomicWrite.js'

/** Turns what the file system says while writing `path` into a coded error; other errors pass unchanged. */
export function writeError(cause: unknown, path: string): unknown {
  if (cause instanceof Text2LiveError || !isSystemError(cause)) return cause
  const reason =
    cause.code === 'ENAMETOOLONG'
      ? 'the name is too long'
      : cause.code === 'EEXIST'
        ? 'a file stands where a folder should be'
        : null
  if (reason === null) return mediaWriteError(path, cause)
  return new Text2LiveError(
    'OUTPUT_NOT_WRITABLE',
    `"${path}" cannot be written: ${reason}. Choose another folder with --out.`,
    { cause },
  )
}

/** Runs `write` and gives its failures a code. */
export async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (cause) {
    throw writeError(cause, path)
  }
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string'
}

/** There is no such file, or a folder on the way is none. */
export const isMissing = (error: unknown): boolean =>
  isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
