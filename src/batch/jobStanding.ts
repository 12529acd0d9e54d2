import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ErrorCode, Text2LiveError } from '../errors.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import { holderText, lockHolder } from '../media/node/processLock.js'
import { checkFolder } from '../run/checkFolder.js'
import { readLog } from '../run/eventLog.js'
import { writing } from '../run/fileErrors.js'
import { lockName } from '../run/folderLock.js'
import { isRunFolder, lookIn, openRunFolder } from '../run/runFolder.js'
import { variationFolder, variationSeeds } from '../run/variations.js'
import { keptBytes } from '../session/eventLog.js'
import { eventLine, type RunEvent } from '../session/events.js'
import { readStoredRun } from '../session/queue/readStoredRun.js'
import { runFiles } from '../session/runFiles.js'
import { readRunSettings } from '../session/savedRun.js'
import type { BatchJob } from './batchJob.js'

/**
 * `waiting` has no folder yet; `stopped` goes on from its checkpoint; `running` is at work in some process; `failed` is
 * tried again where somebody asks for it.
 */
export type JobState = 'waiting' | 'stopped' | 'running' | 'finished' | 'failed'

/** How a job stands, by its run folder alone: nothing else is kept of it. */
export interface JobStanding {
  readonly state: JobState
  /** Steps done; of a clip those of the layer that was trained last, of several seeds those of all. */
  readonly step: number
  /** Of a job that failed. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | null
  /** Who is at work on it: "process 12"; null where nobody is. */
  readonly holder: string | null
}

const none = { step: 0, error: null, holder: null } as const

/**
 * @param path the job's run folder
 * @throws OUTPUT_EXISTS where something else than a run of ours is there; RUN_INVALID, CONFIG_* for a run that cannot
 *   be read
 */
export async function standingOf(path: string, { kind }: Pick<BatchJob, 'kind'>): Promise<JobStanding> {
  const names = await namesIn(path)
  if (names.length === 0) return { state: 'waiting', ...none }
  checkFolder(path)
  if (isFailureAlone(names)) return { state: 'failed', ...none, error: errorIn(path) }
  if (!isRunFolder(path))
    throw new Text2LiveError(
      'OUTPUT_EXISTS',
      `"${path}" exists and is no run folder, and nothing in it is overwritten. Give the job another "out", or the batch another --out.`,
    )
  const holder = lockHolder(join(path, lockName))
  const held = holder === null ? null : holderText(holder)
  const stored = kind === 'photo' ? await photoStanding(path) : await oneStanding(path)
  return held === null || stored.state === 'finished'
    ? stored
    : { ...stored, state: 'running', error: null, holder: held }
}

/** Of several seeds each has a folder of its own, and the sheet of all is made last. */
async function photoStanding(path: string): Promise<JobStanding> {
  const { settings, seeds } = await readRunSettings(lookIn(path))
  if (seeds === 1) return await oneStanding(path)
  const folders = variationSeeds(settings.seed, seeds).map((seed) => join(path, variationFolder(seed)))
  const begun = await Promise.all(folders.filter((folder) => isRunFolder(folder)).map(oneStanding))
  const step = begun.reduce((sum, each) => sum + each.step, 0)
  const finished = begun.length === seeds && begun.every(({ state }) => state === 'finished')
  if (finished && existsSync(join(path, runFiles.contactSheet))) return { ...none, state: 'finished', step }
  const error = errorIn(path) ?? begun.find((each) => each.error !== null)?.error ?? null
  return { ...none, state: error === null ? 'stopped' : 'failed', step, error }
}

async function oneStanding(path: string): Promise<JobStanding> {
  const { finished, step, error } = await readStoredRun(lookIn(path))
  if (finished) return { ...none, state: 'finished', step }
  if (error === null) return { ...none, state: 'stopped', step }
  return { ...none, state: 'failed', step, error: { code: error.code ?? 'INTERNAL', message: error.message } }
}

/** The last event of a log, where it is an error. */
function errorIn(path: string): JobStanding['error'] {
  const last = readLog(join(path, runFiles.events)).at(-1) as RunEvent | undefined
  return last?.type === 'error' ? { code: last.code, message: last.message } : null
}

/** A job that could not begin has a folder with its error alone. */
const isFailureAlone = (names: readonly string[]): boolean => names.length === 1 && names[0] === runFiles.events

/**
 * Writes into a job's run folder that it failed, where its run has not done so itself.
 * @throws RUN_LOCKED while somebody is at work on it; OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function keepFailure(
  path: string,
  { code, message }: Pick<Text2LiveError, 'code' | 'message'>,
): Promise<void> {
  const line = eventLine({ type: 'error', code, message })
  if (!isRunFolder(path)) {
    await writing(path, () => mkdir(path, { recursive: true }))
    await writing(path, () => atomicWrite(join(path, runFiles.events), line))
    return
  }
  const run = await openRunFolder(path)
  try {
    if (errorIn(path) !== null) return
    const log = await run.openLog(
      runFiles.events,
      keptBytes(await run.read(runFiles.events), () => false),
    )
    log.append(line)
    log.close()
  } finally {
    run.release()
  }
}

/** Makes room for the run of a job that could not begin. */
export async function forgetFailure(path: string): Promise<void> {
  if (isFailureAlone(await namesIn(path))) await writing(path, () => rm(path, { recursive: true }))
}

/** None where there is no such folder. @throws OUTPUT_EXISTS for a file */
async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new Text2LiveError(
      'OUTPUT_EXISTS',
      `"${path}" should be the folder of a job, but it is none that can be read. Give the job another "out".`,
      { cause: error },
    )
  }
}
