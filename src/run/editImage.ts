import type { RunEvent } from '../session/events.js'
import type { EditResult } from './editResult.js'
import { eventStream } from './eventStream.js'
import { imageJobOf, type ImageOptions } from './imageJob.js'
import { runInProcess } from './runInProcess.js'

/** Options of `editImage`: those of docs/options.md, pictures also as bytes. */
export interface EditOptions extends ImageOptions {
  /**
   * Aborting finishes the step at hand, writes the outputs of the state reached and ends with an `interrupted` event.
   */
  readonly signal?: AbortSignal | undefined
}

/** A run under way: its events as they come, and its result. */
export interface EditRun extends AsyncIterable<RunEvent> {
  /** Rejects with a Text2LiveError, as the iteration does. */
  readonly result: Promise<EditResult>
}

/**
 * Edits a photo: trains an edit layer for the prompt and composites it. The run begins at once, in a process of its
 * own.
 *
 * ```ts
 * const run = editImage({ photo: 'teapot.jpg', prompt: 'golden teapot', source: 'teapot', region: 'teapot' })
 * for await (const event of run) if (event.type === 'step') console.log(event.step, event.losses)
 * const { files } = await run.result
 * ```
 *
 * Without `out` nothing is written. Leaving the loop early stops the run as `signal` does. Never prints, never exits.
 */
export function editImage(options: EditOptions): EditRun {
  const { signal: outer = null, ...given } = options
  return eventStream(outer, async (signal, emit) => await runInProcess(imageJobOf(given, false), signal, emit))
}
