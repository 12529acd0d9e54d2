import type { ErrorCode } from '../errors.js'
import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import type { RunEvent } from './events.js'
import type { PictureSource } from '../media/imageCodec.js'

/**
 * How a run of a host stands. `waiting` has a place in the queue; `stopped` has none and can be let go on; `failed`
 * has an `error`.
 */
export type RunState = 'waiting' | 'running' | 'paused' | 'stopped' | 'finished' | 'failed'

/** A run as a list shows it. All of it is read from the run's own files, so a host that dies forgets nothing. */
export interface RunEntry {
  /** What the host calls it; the name of its folder. */
  readonly name: string
  readonly state: RunState
  /** What a person calls it; the prompt until it is renamed. */
  readonly title: string
  /** Complete: what its config.yaml holds. */
  readonly settings: ImageSettings
  /** Steps done; `settings.steps` are planned. */
  readonly step: number
  /** The runs that it stands on, the lowest first. */
  readonly over: readonly string[]
  /** The latest preview, or the composite at training size: a file of the run; null where there is none yet. */
  readonly thumbnail: string | null
  /** Milliseconds since 1970: when it was submitted. */
  readonly created: number
  readonly error: { readonly code: ErrorCode | null; readonly message: string } | null
}

/** What a host tells those who watch it. */
export type HostUpdate =
  /** All runs: those that wait or are at work first, in the order of the queue, then the others, the latest first. */
  | { readonly type: 'runs'; readonly runs: readonly RunEntry[] }
  /** Something of one run, as it happens. */
  | { readonly type: 'event'; readonly run: string; readonly event: RunEvent }

/** A new edit of a photo. */
export interface NewRun {
  readonly options: GivenOptions
  readonly photo: PictureSource
  readonly mask: PictureSource | null
  /** Runs of this host that it stands on, bottom first: their composite is the photo that it edits. */
  readonly over?: readonly string[]
}

/** What can be asked of a run. */
export type RunRequest =
  /** Goes on: one that is held at once, one that was stopped or failed when its turn comes. */
  | { readonly do: 'go' }
  /** Holds it after the step at hand, with a checkpoint. */
  | { readonly do: 'pause' }
  /** Finishes the step at hand and writes the outputs of the state reached; one that waits leaves the queue. */
  | { readonly do: 'stop' }
  /** It ends at another step; a run that is finished already goes back to the queue. */
  | { readonly do: 'steps'; readonly steps: number }
  | { readonly do: 'rename'; readonly title: string }
  /** Another place among those that wait, from 0. */
  | { readonly do: 'move'; readonly place: number }
  /** Writes its outputs again. */
  | { readonly do: 'render' }
  /** Stops it where it is at work, and deletes it with all its files. */
  | { readonly do: 'delete' }

/** Where the words are in a photo, before anything is trained. */
export interface LocatedMap {
  /** PNG of the training size, grey: what a run with these options takes for the region. */
  readonly map: Uint8Array
  /** Part of the photo where the map is at least one half. */
  readonly share: number
  /** What a person should know of how the words were taken. */
  readonly notes: readonly string[]
}

/** The machine that a host works on, as a person wants to know it. */
export interface HostMachine {
  /** What `auto` becomes here; null until it has been tried. */
  readonly device: string | null
  readonly threads: number
  /** The guidance models that can be used without fetching anything. */
  readonly guidance: readonly string[]
  /** Bytes free for runs; null where a machine does not tell. */
  readonly free: number | null
}

/**
 * Whoever keeps runs and works on them one after another: a worker of a browser's tab, or the studio's server. A page
 * knows only this. Every method rejects with a `Text2LiveError`.
 */
export interface RunHost {
  readonly kind: 'tab' | 'served'
  machine(): Promise<HostMachine>
  /**
   * Tells all runs at once, then whatever changes; after a break, what was missed.
   * @returns ends it
   */
  watch(listener: (update: HostUpdate) => void): () => void
  /**
   * Checks everything that a person can get wrong, keeps the run and puts it last in the queue.
   * @returns its name
   * @throws OPTION_*, PROMPT_*, INPUT_*, MASK_INVALID, DISK_FULL
   */
  submit(run: NewRun): Promise<string>
  /** @throws RUN_NOT_FOUND, OPTION_INVALID for what makes no sense in the run's state */
  ask(run: string, request: RunRequest): Promise<void>
  /** A file of a run; null where there is none. @throws RUN_NOT_FOUND */
  file(run: string, name: string): Promise<Blob | null>
  /** The run as a zip that the command line continues. @throws RUN_NOT_FOUND */
  zip(run: string): Promise<Blob>
  /** Takes a zip of a run, of this host or another. @returns its name @throws RUN_INVALID, CONFIG_*, INPUT_* */
  bring(zip: Blob): Promise<string>
  /** @throws PROMPT_*, INPUT_*, INTERRUPTED */
  locate(asked: Omit<NewRun, 'mask'>, signal: AbortSignal): Promise<LocatedMap>
}
