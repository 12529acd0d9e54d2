import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { Text2LiveError } from '../errors.js'
import { isMissing, isSystemError } from './fileErrors.js'

/** What Node reads at once. */
const maxBytes = 2 ** 31 - 1
/**
 * A link in place of the file is an error, and a pipe is not waited for. Windows has no such flags, and `undefined`
 * counts as 0.
 */
const safely = constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * A file of a run folder, which may come from anybody: a link is not followed, and what is no regular file not read.
 * @returns null where there is none
 * @throws RUN_INVALID
 */
export async function readRunFile(path: string, limit = maxBytes): Promise<Buffer | null> {
  try {
    refuseLink(path)
    const file = await open(path, constants.O_RDONLY | safely)
    try {
      assertRegular(path, await file.stat(), limit)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    return missing(path, error)
  }
}

/** The same at once. */
export function readRunFileSync(path: string, limit = maxBytes): Buffer | null {
  try {
    const file = openRegular(path, constants.O_RDONLY, limit)
    try {
      return readFileSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    return missing(path, error)
  }
}

/**
 * Opens a file of a run folder that is written in place. The caller gives failures of the file system their code.
 * @throws RUN_INVALID for a link, and for what is no regular file
 */
export function openRegular(path: string, flags: number, limit = Infinity): number {
  refuseLink(path)
  let file: number
  try {
    file = openSync(path, flags | safely, 0o666)
  } catch (error) {
    if (isSystemError(error) && error.code === 'ELOOP') throw linked(path)
    if (isSystemError(error) && error.code === 'ENXIO') throw noFile(path)
    throw error
  }
  try {
    assertRegular(path, fstatSync(file), limit)
    return file
  } catch (error) {
    closeSync(file)
    throw error
  }
}

/** Is there a file? @throws RUN_INVALID for a link, and for what is no file */
export function isFile(path: string): boolean {
  refuseLink(path)
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found !== undefined && !found.isFile()) throw noFile(path)
  return found !== undefined
}

/** @throws RUN_INVALID where a symbolic link stands at `path` */
export function refuseLink(path: string): void {
  let found
  try {
    found = lstatSync(path, { throwIfNoEntry: false })
  } catch {
    // What cannot be looked at is told by who opens it.
    return
  }
  if (found?.isSymbolicLink() === true) throw linked(path)
}

export const linked = (path: string): Text2LiveError =>
  new Text2LiveError(
    'RUN_INVALID',
    `"${path}" is a symbolic link. A run folder may come from anybody, so no link in it is followed. Put the file or folder itself in its place, or remove the link.`,
  )

export const noFile = (path: string): Text2LiveError =>
  new Text2LiveError(
    'RUN_INVALID',
    `"${path}" should be a file of a run, but it is a folder, a pipe or a device. Remove it, or take another copy of the run.`,
  )

function assertRegular(path: string, info: { isFile(): boolean; readonly size: number }, limit: number): void {
  if (!info.isFile()) throw noFile(path)
  if (info.size > limit)
    throw new Text2LiveError(
      'RUN_INVALID',
      `"${path}" should have at most ${limit} bytes as a file of a run, but it has ${info.size}. Take another copy of the run.`,
    )
}

function missing(path: string, error: unknown): null {
  if (isMissing(error)) return null
  if (error instanceof Text2LiveError || !isSystemError(error)) throw error
  if (error.code === 'ELOOP') throw linked(path)
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${path}" should be a file of a run, but it cannot be read (${error.code}). Check its permissions.`,
    { cause: error },
  )
}
