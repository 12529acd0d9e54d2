import { Worker } from 'node:worker_threads'
import { silenceTelemetry } from '../../engine/node/silenceTelemetry.js'
import { Text2LiveError } from '../../errors.js'
import { registeredModules } from '../../models/guidanceRegistry.js'
import { reviveFailure, threadError } from '../workerFailure.js'
import type { VideoJob, VideoJobResult, VideoWorkerData, VideoWorkerReply } from './videoJob.js'
import { passOn, type RunControl } from '../../session/runControl.js'
import type { EmitVideo } from '../../session/video/videoSession.js'

/**
 * Does a job in a thread of its own, since its sessions block the thread that runs them. When `signal` aborts, the work
 * at hand is finished (a step, a pair of frames, a frame), the state kept, and the result says that it is not finished.
 * @param control is passed on to the run
 * @throws what the job throws
 */
export async function runInVideoWorker(
  job: VideoJob,
  signal: AbortSignal,
  emit: EmitVideo,
  control?: RunControl,
): Promise<VideoJobResult> {
  silenceTelemetry()
  const worker = new Worker(new URL('./videoWorker.js', import.meta.url), {
    workerData: { job, modules: registeredModules() } satisfies VideoWorkerData,
  })
  const end = passOn((ask) => worker.postMessage(ask), signal, control)
  try {
    return await new Promise<VideoJobResult>((resolve, reject) => {
      let reply: Exclude<VideoWorkerReply, { event: unknown }> | null = null
      worker.on('message', (message: VideoWorkerReply) => {
        if ('event' in message) emit(message.event)
        else reply = message
      })
      worker.on('error', (error) => reject(threadError(error)))
      // Only then is the memory of the thread free.
      worker.on('exit', (code) => {
        if (reply === null)
          reject(
            new Text2LiveError(
              'DEVICE_FAILED',
              `The thread of the run ended by itself (exit code ${code}). Resume the run to continue.`,
            ),
          )
        else if ('failure' in reply) reject(reviveFailure(reply.failure))
        else resolve(reply.result)
      })
    })
  } finally {
    end()
  }
}
