import { Text2LiveError } from '../errors.js'
import type { RunEvent } from '../session/events.js'
import { assertNoForce } from './assertNoForce.js'
import { eventStream } from './eventStream.js'
import { openInWorker } from './openInWorker.js'
import { resumeRun } from './resumeRun.js'
import { startRun, type StartOptions } from './startRun.js'
import type { Emit } from '../session/trainRun.js'
import type { EditResult } from './editResult.js'
import type { RunEnvironment } from '../session/trainerContract.js'

/** Options of `editImage`: those of docs/options.md, pictures also as bytes. */
export interface EditOptions extends StartOptions {
  /**
   * A run folder to continue; then only steps, device, threads and previewEvery may be given besides; guidance, to name
   * again a model that is to be fetched.
   */
  readonly resume?: string | null | undefined
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
 * Edits a photo: trains an edit layer for the prompt and composites it. Training begins at once, in a process of its
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
  return eventStream(options.signal ?? null, (signal, emit) =>
    runImage(options, { open: openInWorker, signal, defaultFolder: false }, emit),
  )
}

/** Starts or continues a run, as the options say. */
export async function runImage(options: EditOptions, environment: RunEnvironment, emit: Emit): Promise<EditResult> {
  const { resume, signal: _, ...rest } = options
  if (resume === undefined || resume === null) return await startRun(rest, environment, emit)
  const { photo, mask, prompt, out, force, config, seeds, ...flags } = rest
  const misplaced = Object.entries({ photo, mask, prompt, out, config, seeds }).find(
    ([, value]) => value !== undefined && value !== null,
  )
  if (misplaced !== undefined) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `A run is continued with the ${misplaced[0]} it was started with; leave that out beside --resume, or start a new run.`,
    )
  }
  assertNoForce(force)
  return await resumeRun(resume, flags, environment, emit)
}
