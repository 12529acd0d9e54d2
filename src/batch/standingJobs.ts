import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { isRunFolder } from '../run/runFolder.js'
import type { BatchJob } from './batchJob.js'
import { changesSince } from './changesSince.js'
import { type JobStanding, standingOf } from './jobStanding.js'
import { BatchListError } from './list/batchListError.js'
import type { ListFault } from './list/listText.js'
import type { BatchList } from './readBatchList.js'

/** A job, and how it stands. */
export interface StandingJob {
  readonly job: BatchJob
  /** Its run folder. */
  readonly path: string
  readonly standing: JobStanding
}

/**
 * How each job of a list stands, by its run folder.
 * @throws LIST_INVALID (a `BatchListError`) naming each whose folder holds something else, or a run of other settings
 */
export async function standingJobs({ path: list, jobs }: BatchList, out: string): Promise<StandingJob[]> {
  const faults: ListFault[] = []
  const standing: StandingJob[] = []
  for (const job of jobs) {
    const path = join(out, job.out)
    const fault = (error: Pick<Text2LiveError, 'code' | 'message'>): void =>
      void faults.push({ code: error.code, message: error.message, line: job.line, column: 1 })
    try {
      standing.push({ job, path, standing: await standingOf(path, job) })
      const changes = isRunFolder(path) ? await changesSince(path, job) : []
      if (changes.length > 0)
        fault({
          code: 'CHECKPOINT_MISMATCH',
          message: `The job "${job.id}" asks for something else than its run folder "${path}" was made for: ${changes.join(', ')}. Set it back, give the job another "out", or move that folder away.`,
        })
    } catch (error) {
      if (!(error instanceof Text2LiveError)) throw error
      fault(error)
    }
  }
  if (faults.length > 0) throw new BatchListError(list, faults)
  return standing
}
