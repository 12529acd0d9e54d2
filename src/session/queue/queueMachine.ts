import type { ImageCodec } from '../../media/imageCodec.js'
import type { Job } from '../job.js'
import type { RunControl } from '../runControl.js'
import type { AnyRunEvent } from '../runHost.js'
import type { PhotoJob } from '../startPhoto.js'
import type { RunStore } from '../store.js'
import type { ClipTools } from '../video/clipMachine.js'
import type { NewClip } from '../video/prepareClip.js'

/** The files of a run as they are now: looked at while somebody else may hold and write it. */
export interface RunFiles extends Pick<RunStore, 'path' | 'file' | 'read' | 'has' | 'list'> {
  /** When it was made, milliseconds since 1970; absent where a store does not tell. */
  readonly created?: number
  /** Who else is at work on it now, outside this queue: "process 12"; absent or null where nobody is. */
  readonly holder?: string | null
}

/** The runs that a queue keeps. */
export interface KeptRuns {
  /** The names of all runs, in any order; each is a folder's. */
  names(): Promise<readonly string[]>
  /** @throws RUN_NOT_FOUND */
  look(name: string): Promise<RunFiles>
  /**
   * Makes a run with these files, and holds it until it is released. Where the name is taken it may get another: the
   * store's name is what counts.
   * @throws DISK_FULL, OUTPUT_NOT_WRITABLE
   */
  make(
    name: string,
    contents: Readonly<Record<string, Uint8Array | string>>,
  ): Promise<{ readonly name: string; release(): void }>
  /**
   * Writes a file of a run. @throws RUN_NOT_FOUND, DISK_FULL, OUTPUT_NOT_WRITABLE; RUN_LOCKED while somebody holds it
   */
  write(name: string, file: string, bytes: Uint8Array): Promise<void>
  /** Deletes a run with all its files. @throws RUN_LOCKED while somebody holds it */
  delete(name: string): Promise<void>
  /** The queue's own file, beside the runs; null where there is none yet. */
  readQueue(): Promise<string | null>
  /** Whole or not at all. @throws DISK_FULL, OUTPUT_NOT_WRITABLE */
  writeQueue(text: string): Promise<void>
}

/** What the queue has done of a run that is in its store: trained on, rendered again, or with a painted layer. */
export type QueuedJob = Extract<Job, { readonly kind: 'resume' | 'render' | 'paint' }>

/** What a run begins with, once everything that a person can get wrong was checked. */
export interface PreparedRun {
  readonly files: Readonly<Record<string, Uint8Array | string>>
  /** What was told of how it is taken. */
  readonly told: readonly AnyRunEvent[]
}

/** Checks of what comes from people: they decode the photo or the clip, which takes long where it is large. */
export interface QueueChecks {
  /** @throws OPTION_*, PROMPT_*, INPUT_*, MASK_INVALID */
  prepare(job: PhotoJob): Promise<PreparedRun>
  /** @throws OPTION_*, PROMPT_*, INPUT_*, CLIP_*, MASK_INVALID */
  prepareClip(asked: NewClip): Promise<PreparedRun>
  /**
   * @returns names of those of the files that a run has, each of them checked
   * @throws as `checkBroughtRun`
   */
  brought(files: ReadonlyMap<string, Uint8Array>, name: string): Promise<readonly string[]>
}

export type EmitAny = (event: AnyRunEvent) => void

/** What a queue needs of the machine that it is on. */
export interface QueueMachine {
  readonly codec: ImageCodec
  readonly clips: Pick<ClipTools, 'clips' | 'digest'>
  readonly runs: KeptRuns
  /** Where this thread is to stay free; absent: they are done in it, with the codec. */
  readonly checks?: QueueChecks
  /**
   * Does a job to its end, as `runJob` does: opens the run by its name, and releases it. Settings that may change (the
   * device) are the machine's to choose. Rejects with INTERRUPTED where `signal` ends it before anything is written.
   */
  work(job: QueuedJob, signal: AbortSignal, emit: EmitAny, control: RunControl): Promise<unknown>
}
