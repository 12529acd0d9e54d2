import { closeSync, constants, fstatSync, ftruncateSync, writeSync } from 'node:fs'
import type { RunEvent } from '../session/events.js'
import { checkedEvents } from '../session/eventLog.js'
import type { RunLog } from '../session/store.js'
import { isMissing, writeError } from './fileErrors.js'
import { openRegular, readRunFileSync } from './runFile.js'

/** A file of lines, open for appending; a link in its place is not followed. */
export class FileLog implements RunLog {
  readonly #file: number
  readonly #path: string
  readonly #assertHeld: () => void

  /** @param assertHeld throws where the file is another's by now */
  constructor(path: string, assertHeld: () => void) {
    this.#path = path
    this.#assertHeld = assertHeld
    try {
      this.#file = openRegular(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT)
    } catch (cause) {
      throw writeError(cause, path)
    }
  }

  /** @throws DISK_FULL after taking back the part of the line that was written; LEASE_LOST */
  append(text: string): void {
    this.#assertHeld()
    const before = fstatSync(this.#file).size
    const line = Buffer.from(text)
    try {
      for (let written = 0; written < line.length;) written += writeSync(this.#file, line, written)
    } catch (cause) {
      ftruncateSync(this.#file, before)
      throw writeError(cause, this.#path)
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

/**
 * The events of a log; none where there is no log. @throws RUN_INVALID for an event whose numbers or names none of ours
 * has
 */
export const readEvents = (path: string): RunEvent[] => readLog(path) as RunEvent[]

/** The same for events of any kind. @throws RUN_INVALID */
export const readLog = (path: string): object[] => checkedEvents(readRunFileSync(path), path)

/** Cuts a file to its first `keep` bytes; none where there is no file. */
export function cutFile(path: string, keep: number): void {
  let file: number
  try {
    file = openRegular(path, constants.O_RDWR)
  } catch (error) {
    if (isMissing(error)) return
    throw writeError(error, path)
  }
  try {
    ftruncateSync(file, keep)
  } finally {
    closeSync(file)
  }
}
