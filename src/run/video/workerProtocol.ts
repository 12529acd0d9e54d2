import type { WorkerFailure } from '../workerFailure.js'
import type { VideoJob, VideoJobResult } from './videoJob.js'
import type { VideoEvent } from '../../session/videoEvents.js'

/** What the thread of a run over a clip begins with. */
export interface VideoWorkerData {
  readonly job: VideoJob
  /** Guidance modules that it may name. */
  readonly modules: readonly string[]
}

/** What the thread of a run over a clip is asked: to stop, or what its control says; another mask it can only refuse. */
export type VideoWorkerRequest = 'stop' | 'preview' | 'mask' | { readonly held: boolean; readonly steps: number | null }

/** What it tells. */
export type VideoWorkerReply =
  { readonly event: VideoEvent } | { readonly result: VideoJobResult } | { readonly failure: WorkerFailure }
