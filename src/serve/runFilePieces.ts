import { close, constants, fstat, read } from 'node:fs'
import { promisify } from 'node:util'
import { isMissing } from '../run/fileErrors.js'
import { openRegular } from '../run/runFile.js'
import type { OpenFile } from './servedRuns.js'

const [closeFile, statFile, readFile] = [promisify(close), promisify(fstat), promisify(read)]
const portion = 2 ** 18

/**
 * A file of a run, piece by piece, with the bytes that it has now: what is written meanwhile replaces it and leaves
 * this one, and what a log grows by is none of it.
 * @returns null where there is none
 * @throws RUN_INVALID for a link, and for what is no regular file
 */
export async function openRunFile(path: string): Promise<OpenFile | null> {
  let file: number
  try {
    file = openRegular(path, constants.O_RDONLY)
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
  const bytes = (await statFile(file)).size
  return { bytes, pieces: { [Symbol.asyncIterator]: () => new FilePieces(file, bytes) } }
}

/** An iterator rather than a generator, which would not close the file where nobody reads it. */
class FilePieces implements AsyncIterator<Uint8Array, undefined> {
  readonly #file: number
  readonly #bytes: number
  #at = 0
  #closed = false

  constructor(file: number, bytes: number) {
    this.#file = file
    this.#bytes = bytes
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#closed || this.#at >= this.#bytes) return await this.return()
    try {
      const piece = new Uint8Array(Math.min(portion, this.#bytes - this.#at))
      const { bytesRead } = await readFile(this.#file, piece, 0, piece.length, this.#at)
      if (bytesRead === 0) throw new RangeError('the file became shorter while it was read')
      this.#at += bytesRead
      return { done: false, value: piece.subarray(0, bytesRead) }
    } catch (error) {
      await this.return()
      throw error
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#closed) {
      this.#closed = true
      await closeFile(this.#file)
    }
    return { done: true, value: undefined }
  }
}
