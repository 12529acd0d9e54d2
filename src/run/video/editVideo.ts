import { Text2LiveError } from '../../errors.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import type { RunControl } from '../../session/runControl.js'
import { eventStream } from '../eventStream.js'
import { runClipInProcess } from '../runInProcess.js'
import type { VideoResult } from '../../session/video/runVideo.js'
import type { VideoEvent } from '../../session/videoEvents.js'
import { videoJobOf } from './videoJob.js'

/** Options of `editVideo`: those of docs/options.md. */
export interface EditVideoOptions extends Omit<GivenVideoOptions, 'json'> {
  /**
   * A run folder to continue; then only steps, device, threads and previewEvery may be given besides; guidance, to name
   * again a model that is to be fetched.
   */
  readonly resume?: string | null | undefined
  /** Aborting finishes the work at hand, keeps the state reached in the folder and ends with an `interrupted` event. */
  readonly signal?: AbortSignal | undefined
  /** The hand on the run while it lasts: holds it, gives its layers other steps, asks for a preview. */
  readonly control?: RunControl | undefined
}

/** A run under way: its events as they come, and its result. */
export interface EditVideoRun extends AsyncIterable<VideoEvent> {
  /** Rejects with a Text2LiveError, as the iteration does. */
  readonly result: Promise<VideoResult>
}

/**
 * Edits a clip: fits a layered atlas, trains the edit of one or both layers on it and maps it to all frames. Work
 * begins at once, in a process of its own.
 *
 * ```ts
 * const run = editVideo({ clip: 'swan.mp4', prompt: 'golden swan', source: 'swan', region: 'swan', out: 'runs/gold' })
 * for await (const event of run) if (event.type === 'progress') console.log(event.stage, event.done, event.total)
 * const { folder, metrics } = await run.result
 * ```
 *
 * Everything is written to the run folder (`out`, else runs/<clip>-<n>): a clip is too large for memory. Leaving the
 * loop early stops the run as `signal` does. Never prints, never exits.
 */
export function editVideo({ signal, control, ...options }: EditVideoOptions): EditVideoRun {
  return eventStream(signal ?? null, async (stop, emit) => {
    const result = await runClipInProcess(videoJobOf(options, 'edit'), stop, emit, control)
    if ('metrics' in result) return result
    throw new Text2LiveError('INTERNAL', 'A run over a clip ended without its result.')
  })
}
