// A process that does jobs on photos and clips, one at a time, until who asks lets it go: reading the photo and writing
// the outputs block the thread that does it as training does, and only the end of a process gives all its memory back.
import { Text2LiveError } from '../errors.js'
import { registerModules } from '../models/node/registerGuidance.js'
import { type Job, type JobOf, readJob } from '../session/job.js'
import { trainerIn } from '../session/openTrainer.js'
import { heed, RunControl, type SteeredRun } from '../session/runControl.js'
import type { AnyRunEvent } from '../session/runHost.js'
import type { WarmModels } from '../session/warmModels.js'
import { nodePlace } from './buildTrainer.js'
import { sentResult } from './editResult.js'
import { type JobReply, type JobRequest, keepModels, type ProcessResult, sortJob } from './processJob.js'
import { runImageJob } from './runImageJob.js'
import { failureOf } from './workerFailure.js'

if (process.send === undefined)
  throw new Text2LiveError('INTERNAL', 'jobProcess runs in a process of its own; use runInProcess.')

/** The job at hand. */
interface Work extends SteeredRun {
  /** Does its run have a folder? */
  kept: boolean
}
let work: Work | null = null

/** @param told called when it is on its way, or who asked is gone */
function tell(reply: JobReply, told: () => void = () => undefined): void {
  if (process.connected) process.send?.(reply, undefined, undefined, told)
  else told()
}

function end(reply: JobReply): void {
  work = null
  tell(reply, () => {
    if (!process.connected) process.exit()
  })
}

const follow =
  (at: Work) =>
  (event: AnyRunEvent): void => {
    if (event.type === 'run-start') at.kept = event.folder !== undefined
    // Who asked is gone, and the state is kept: the next who asks goes on from it.
    if (event.type === 'checkpoint' && !process.connected) process.exit()
    tell({ event })
  }

/** What is kept from one job to the next, those on clips included; null where nothing is. */
const keptModels = async (): Promise<WarmModels | null> =>
  process.argv.includes(keepModels) ? ((await import('./video/clipMachine.js')).clipMachine.warm ?? null) : null

async function done({ job: received, modules }: Extract<JobRequest, { job: Job }>, at: Work): Promise<JobReply> {
  const job = await sortJob(readJob(received))
  await registerModules(modules)
  const {
    stop: { signal },
    control,
  } = at
  if ('clip' in job) {
    const { clipEnvironment, runVideoJob } = await import('./video/runVideoJob.js')
    return { result: await runVideoJob(job.clip, clipEnvironment(signal, control), follow(at)) }
  }
  if ('look' in job) return { result: await looked(job.look) }
  const open = trainerIn({ ...nodePlace, warm: (await keptModels()) ?? undefined })
  return { result: sentResult(await runImageJob(job.photo, { open, signal, control }, follow(at))) }
}

async function looked(job: JobOf<'score' | 'relevancy'>): Promise<ProcessResult> {
  if (job.kind === 'score') return await (await import('./scoreRun.js')).scoreHere(job)
  return await (await import('./mapRelevancy.js')).relevancyHere(job)
}

async function failed(error: unknown): Promise<JobReply> {
  ;(await keptModels())?.releaseAfter(error)
  return { failure: failureOf(error) }
}

process.on('message', (request: JobRequest) => {
  if ('ask' in request) {
    if (work !== null) heed(request.ask, work)
  } else {
    work = { stop: new AbortController(), control: new RunControl(), kept: true }
    void done(request, work).catch(failed).then(end)
  }
})
process.on('disconnect', () => {
  if (work?.kept !== true) process.exit()
  work.stop.abort()
})
