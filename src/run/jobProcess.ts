// A process that does one job on a photo or a clip, and ends: reading the photo and writing the outputs block the thread that does
// it as training does, and only the end of a process gives all its memory back.
import { Text2LiveError } from '../errors.js'
import { RunControl } from '../session/runControl.js'
import type { AnyRunEvent } from '../session/runHost.js'
import { buildTrainer } from './buildTrainer.js'
import { sentResult } from './editResult.js'
import type { ClipRunJob, ImageJob, JobReply, JobRequest } from './imageJob.js'
import { runImageJob } from './runImage.js'
import { failureOf } from './workerFailure.js'

if (process.send === undefined)
  throw new Text2LiveError('INTERNAL', 'jobProcess runs in a process of its own; use runInProcess.')

const stop = new AbortController()
const control = new RunControl()
let ended = false
/** Does the run at hand have a folder? */
let kept = true

/** @param told called when it is on its way, or who asked is gone */
function tell(reply: JobReply, told: () => void = () => undefined): void {
  if (process.connected) process.send?.(reply, undefined, undefined, told)
  else told()
}

function end(reply: JobReply): void {
  ended = true
  tell(reply, () => {
    if (process.connected) process.disconnect()
    else process.exit()
  })
}

const follow = (event: AnyRunEvent): void => {
  if (event.type === 'run-start') kept = event.folder !== undefined
  // Who asked is gone, and the state is kept: the next who asks goes on from it.
  if (event.type === 'checkpoint' && !process.connected) process.exit()
  tell({ event })
}

async function done(job: ImageJob | ClipRunJob): Promise<JobReply> {
  if (job.kind !== 'clip')
    return { result: sentResult(await runImageJob(job, { open: buildTrainer, signal: stop.signal, control }, follow)) }
  const { workOnClip } = await import('./video/workOnClip.js')
  await workOnClip(job.folder, job.job, stop.signal, follow, control)
  return { done: true }
}

process.on('message', (request: JobRequest) => {
  if ('stop' in request) stop.abort()
  else if ('held' in request) control.take(request)
  else {
    done(request.job).then(end, (error: unknown) => end({ failure: failureOf(error) }))
  }
})
process.on('disconnect', () => {
  if (ended || !kept) process.exit()
  stop.abort()
})
