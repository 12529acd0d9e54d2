// The thread of a run over a clip: does one job, tells its events, ends.
import { parentPort, workerData } from 'node:worker_threads'
import { Text2LiveError } from '../../errors.js'
import { registerModules } from '../../models/node/registerGuidance.js'
import { interruptedBy } from '../../session/interrupted.js'
import { heed, type RunAsk, RunControl } from '../../session/runControl.js'
import { textsCheckedIn, videoTrainerIn } from '../../session/video/openVideoTrainer.js'
import { clipMachine } from './clipMachine.js'
import { failureOf } from '../workerFailure.js'
import { runVideoJob } from './runVideoJob.js'
import type { VideoWorkerData, VideoWorkerReply } from './videoJob.js'

if (parentPort === null) throw new Text2LiveError('INTERNAL', 'videoWorker runs in a worker thread; use editVideo.')
const port = parentPort
const run = { stop: new AbortController(), control: new RunControl() }
const post = (reply: VideoWorkerReply): void => port.postMessage(reply)

port.on('message', (asked: RunAsk) => heed(asked, run))
const { job, modules } = workerData as VideoWorkerData
registerModules(modules)
  .then(() =>
    runVideoJob(
      job,
      {
        signal: interruptedBy(run.stop.signal),
        control: run.control,
        openTrainer: videoTrainerIn(clipMachine),
        checkTexts: textsCheckedIn(clipMachine),
      },
      (event) => post({ event }),
    ),
  )
  .then(
    (result) => post({ result }),
    (error: unknown) => post({ failure: failureOf(error) }),
  )
  .finally(() => port.close())
