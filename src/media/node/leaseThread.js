// @ts-check
// The thread that renews the locks of another one, which may be blocked for minutes: by a training step, or by whoever
// uses the library. JavaScript, since Node starts it as a file of its own: also where the files around it are still
// TypeScript, in tests.
import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'

/** Milliseconds. */
const renewEvery = 10_000

/**
 * The path of each lock by its text.
 * @type {Map<string, string>}
 */
const locks = new Map()

parentPort?.on('message', ({ text, path }) => {
  if (path === null) locks.delete(text)
  else locks.set(text, path)
})

setInterval(() => {
  for (const [text, path] of locks) renew(path, text)
}, renewEvery)

/**
 * Writes the lock once more into the same file, which gets the time from its file system; never into the file of another
 * holder. What cannot be renewed now is tried again.
 * @param {string} path
 * @param {string} text
 */
function renew(path, text) {
  let file
  try {
    file = openLock(path)
    const bytes = Buffer.alloc(4096)
    if (bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0)) !== text) return
    writeSync(file, text, 0)
    fsyncSync(file)
  } catch {
    // It was released or moved just now, or its drive cannot be reached.
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/**
 * A lock is a file, or where a file system has no links a folder with one in it.
 * @param {string} path
 */
function openLock(path) {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK
  try {
    return openSync(path, flags)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EISDIR') throw error
    return openSync(join(path, 'holder'), flags)
  }
}
