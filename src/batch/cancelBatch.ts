import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import { lockHolder } from '../media/node/processLock.js'

export const batchLock = '.batch.lock'
const cancelFile = '.batch.cancel'

/** Which jobs are to stop, by their names; null: the whole batch. */
const asked = z.object({ jobs: z.array(z.string()).nullable() })

/** Milliseconds between two looks for a request. */
const interval = 500

/**
 * Asks the batch at work in a folder, whichever process and machine it is on, to stop after the step at hand.
 * @param jobs those that are to stop, by name, and not to be taken up again until they are retried; null: the batch
 * @returns when it has taken notice
 * @throws RUN_NOT_FOUND where no batch is at work there; OUTPUT_NOT_WRITABLE
 */
export async function cancelBatch(out: string, jobs: readonly string[] | null): Promise<void> {
  const path = join(out, cancelFile)
  assertAtWork(out)
  await atomicWrite(path, JSON.stringify({ jobs }))
  try {
    while ((await readText(path)) !== null) {
      await sleep(interval / 4)
      assertAtWork(out)
    }
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

function assertAtWork(out: string): void {
  if (lockHolder(join(out, batchLock)) === null)
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `Expected a batch at work in "${out}", but there is none. Give the --out that it was started with.`,
    )
}

/**
 * Follows what is asked of the batch in a folder.
 * @param cancel called for each request
 * @returns ends it
 */
export async function followCancels(
  out: string,
  cancel: (jobs: readonly string[] | null) => void,
): Promise<() => void> {
  const path = join(out, cancelFile)
  // What was asked of another batch, that died before it saw it.
  await rm(path, { force: true })
  let looking = false
  const look = async (): Promise<void> => {
    const text = looking ? null : await readText(path)
    if (text === null) return
    looking = true
    const request = asked.safeParse(parse(text))
    // Who asked waits for it: a batch that ends at once must have taken notice before.
    await rm(path, { force: true }).catch(() => undefined)
    if (request.success) cancel(request.data.jobs)
    looking = false
  }
  const timer = setInterval(() => void look(), interval)
  return () => clearInterval(timer)
}

const readText = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
