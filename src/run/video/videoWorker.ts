// The thread of a run over a clip: does one job, tells its events, ends.
import { parentPort, workerData } from 'node:worker_threads'
import { Text2LiveError } from '../../errors.js'
import { interrupted } from '../../session/interrupted.js'
import { registerModules } from '../../models/node/registerGuidance.js'
import { RunControl } from '../../session/runControl.js'
import { textsCheckedIn, videoTrainerIn } from '../../session/video/openVideoTrainer.js'
import { clipMachine } from './clipMachine.js'
import { runVideoJob } from './runVideoJob.js'
import type { VideoWorkerData, VideoWorkerReply, VideoWorkerRequest } from './workerProtocol.js'

if (parentPort === null) throw new Text2LiveError('INTERNAL', 'videoWorker runs in a worker thread; use editVideo.')
const port = parentPort
const stop = new AbortController()
const control = new RunControl()
const post = (reply: VideoWorkerReply): void => port.postMessage(reply)

port.on('message', (request: VideoWorkerRequest) => {
  if (request === 'stop') stop.abort(interrupted())
  else if (request === 'preview') control.preview()
  else if (request === 'mask') control.setMask(null)
  else control.take(request)
})
const { job, modules } = workerData as VideoWorkerData
registerModules(modules)
  .then(() =>
    runVideoJob(
      job,
      {
        signal: stop.signal,
        control,
        openTrainer: videoTrainerIn(clipMachine),
        checkTexts: textsCheckedIn(clipMachine),
      },
      (event) => post({ event }),
    ),
  )
  .then(
    (result) => post({ result }),
    (error: unknown) => {
      const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
      post({ failure: { code: error instanceof Text2LiveError ? error.code : null, message, stack } })
    },
  )
  .finally(() => port.close())
