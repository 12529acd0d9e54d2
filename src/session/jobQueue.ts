import type { ErrorCode } from '../errors.js'
import type { StageName } from './videoEvents.js'

/** How a job of a queue stands; `delayed` waits for its time, and one that was cancelled has failed. */
export type QueueJobState = 'working' | 'failed' | 'waiting' | 'delayed' | 'done'

/** A job that waits in a queue for one of many machines, or that one of them does or did. */
export interface QueueJob {
  /** Its name in the queue: 32 hexadecimal digits. */
  readonly job: string
  /** What people call it: the name of its folder. */
  readonly out: string
  readonly kind: 'photo' | 'clip'
  readonly prompt: string
  readonly state: QueueJobState
  /** How far the worker is that has it, or had it last; null where none told yet. */
  readonly progress: {
    readonly step: number
    readonly steps: number
    /** Of a clip. */
    readonly stage: StageName | null
    readonly loss: number | null
    readonly secondsLeft: number | null
    /** The name of a machine. */
    readonly worker: string
  } | null
  /** Of one that failed. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | null
}

/** What is in a queue. */
export interface QueueContents {
  /** Its address, without what may be a secret. */
  readonly place: string
  /** Of all jobs; those that a queue trims when they have ended are not known to it any more. */
  readonly counts: Readonly<Record<QueueJobState, number>>
  /**
   * Those at work first, then those that failed, those that wait in the order of their turn, and those that are done,
   * the latest first; so many of each as a page shows.
   */
  readonly jobs: readonly QueueJob[]
}

/** A queue as a page asks for it. Every method rejects with a `Text2LiveError`. */
export interface QueueHost {
  /** Null where the host was given none. */
  contents(): Promise<QueueContents | null>
  /** @throws RUN_NOT_FOUND for a job that the queue does not know any more */
  ask(job: string, request: QueueRequest): Promise<void>
  /** The names of the files that the store has of a job's run folder; each slash is a folder's. */
  files(job: string): Promise<readonly string[]>
  /** Null where there is none of that name. */
  file(job: string, name: string): Promise<Blob | null>
  /** What a job has made, or its latest preview, small; null where there is no picture. */
  thumbnail(job: string): Promise<Blob | null>
}

/** What can be asked of a job: to end after the step at hand, or, where it failed, to be tried again. */
export interface QueueRequest {
  readonly do: 'cancel' | 'retry'
}
