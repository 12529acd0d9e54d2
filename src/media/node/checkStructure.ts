import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { Text2LiveError } from '../../errors.js'

export interface StructureOptions {
  /** Walk the packets of at most so many frames. Default: all. */
  readonly frames?: number | undefined
  /** The tracks of sound instead of the video. */
  readonly sound?: boolean | undefined
  /**
   * Seconds, from when the library is loaded. Default: 10, and one more for each 20 MB of the file. A whole clip takes
   * some milliseconds.
   */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** MiB of objects: the tables of a clip of a day take half of it. */
const memory = 512

/**
 * Proves that the structure of a video (headers, tables, the list of its packets) can be read to its end. Damaged
 * numbers in it send mediabunny (1.61) into loops without end, or let it fill the memory; neither can be stopped in the
 * thread it happens in, so a thread of its own does it first. What else is wrong with the file is told by whoever reads
 * it next.
 *
 * @throws Text2LiveError CLIP_TRUNCATED, INTERRUPTED
 */
export async function checkStructure(path: string, options: StructureOptions = {}): Promise<void> {
  const { frames = Infinity, sound = false, signal } = options
  const limit = options.limit ?? 10 + (await stat(path)).size / 20e6
  if (signal?.aborted) throw interrupted(path)
  const worker = new Worker(new URL('./structureThread.js', import.meta.url), {
    workerData: { path, frames, sound },
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: memory },
    stdout: true,
    stderr: true,
  })
  let timer: NodeJS.Timeout | undefined
  let abort = (): void => undefined
  try {
    await new Promise<void>((resolve, reject) => {
      abort = () => {
        reject(interrupted(path))
      }
      signal?.addEventListener('abort', abort)
      worker.once('message', () => {
        timer = setTimeout(() => {
          reject(damaged(path, `its structure was not read within ${Math.round(limit)} s`))
        }, 1000 * limit)
      })
      worker.once('error', (cause: NodeJS.ErrnoException) => {
        reject(
          cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? damaged(path, `its structure takes more than ${memory} MiB`, cause)
            : cause,
        )
      })
      worker.once('exit', (code) => {
        // 13, of Node: something was awaited that can never come.
        if (code === 0) resolve()
        else reject(damaged(path, `reading its structure ended with status ${code}`))
      })
    })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    await worker.terminate()
  }
}

function damaged(path: string, reason: string, cause?: unknown): Text2LiveError {
  return new Text2LiveError(
    'CLIP_TRUNCATED',
    `Expected a whole video, but "${path}" is damaged (${reason}). Copy or export it again.`,
    { cause },
  )
}

const interrupted = (path: string) =>
  new Text2LiveError('INTERRUPTED', `Stopped while "${path}" was read, before its first frame. Nothing was written.`)
