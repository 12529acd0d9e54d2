// The thread of a run over a clip: does one job, tells its events, ends.
import { parentPort, workerData } from 'node:worker_threads'
import { Text2LiveError } from '../../errors.js'
import { registerModules } from '../../models/node/registerGuidance.js'
import { heed, type RunAsk, RunControl } from '../../session/runControl.js'
import { failureOf } from '../workerFailure.js'
import { clipEnvironment, runVideoJob } from './runVideoJob.js'
import { readVideoJob, type VideoWorkerData, type VideoWorkerReply } from './videoJob.js'

if (parentPort === null) throw new Text2LiveError('INTERNAL', 'videoWorker runs in a worker thread; use editVideo.')
const port = parentPort
const run = { stop: new AbortController(), control: new RunControl() }
const post = (reply: VideoWorkerReply): void => port.postMessage(reply)

port.on('message', (asked: RunAsk) => heed(asked, run))
const { job, modules } = workerData as VideoWorkerData
registerModules(modules)
  .then(() => runVideoJob(readVideoJob(job), clipEnvironment(run.stop.signal, run.control), (event) => post({ event })))
  .then(
    (result) => post({ result }),
    (error: unknown) => post({ failure: failureOf(error) }),
  )
  .finally(() => port.close())
