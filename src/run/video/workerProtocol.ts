import type { WorkerFailure } from '../workerFailure.js'
import type { VideoJobResult } from './videoJob.js'
import type { VideoEvent } from '../../session/videoEvents.js'

/** What the thread of a run over a clip tells; any message to it asks it to stop. */
export type VideoWorkerReply =
  { readonly event: VideoEvent } | { readonly result: VideoJobResult } | { readonly failure: WorkerFailure }
