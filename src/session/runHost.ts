import type { ErrorCode } from '../errors.js'
import type { LayerName } from '../atlas/layeredAtlas.js'
import type { PictureSource } from '../media/imageCodec.js'
import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import type { GivenVideoOptions, VideoSettings } from '../options/videoOptions.js'
import type { RunEvent } from './events.js'
import type { QueueHost } from './jobQueue.js'
import type { StageName, VideoEvent } from './videoEvents.js'

/**
 * How a run of a host stands. `waiting` has a place in the queue; `stopped` has none and can be let go on; `failed`
 * has an `error`.
 */
export type RunState = 'waiting' | 'running' | 'paused' | 'stopped' | 'finished' | 'failed'

/** A run as a list shows it. All of it is read from the run's own files, so a host that dies forgets nothing. */
export type RunEntry = PhotoEntry | ClipEntry

interface EntryBase {
  /** What the host calls it; the name of its folder. */
  readonly name: string
  readonly state: RunState
  /** What a person calls it; the prompt until it is renamed. */
  readonly title: string
  /** Steps done; `settings.steps` are planned. Of a clip those of the layer that is trained, or was last. */
  readonly step: number
  /** The runs that it stands on, the lowest first. */
  readonly over: readonly string[]
  /** The latest preview, or the composite at training size: a file of the run; null where there is none yet. */
  readonly thumbnail: string | null
  /** Milliseconds since 1970: when it was submitted. */
  readonly created: number
  readonly error: { readonly code: ErrorCode | null; readonly message: string } | null
}

export interface PhotoEntry extends EntryBase {
  readonly kind: 'photo'
  /** Complete: what its config.yaml holds. */
  readonly settings: ImageSettings
}

export interface ClipEntry extends EntryBase {
  readonly kind: 'clip'
  /** Complete: what its config.yaml holds. */
  readonly settings: VideoSettings
  /** The stage that it is in, or was in when it ended; null before the first. How far it is, its events tell. */
  readonly stage: StageName | null
}

/** An event of a photo's run, or of a clip's. */
export type AnyRunEvent = RunEvent | VideoEvent

/** What a host tells those who watch it. */
export type HostUpdate =
  /** All runs: those that wait or are at work first, in the order of the queue, then the others, the latest first. */
  | { readonly type: 'runs'; readonly runs: readonly RunEntry[] }
  /** Something of one run, as it happens. */
  | { readonly type: 'event'; readonly run: string; readonly event: AnyRunEvent }

/** A new edit, of a photo or a clip. */
export type NewRun = NewPhotoRun | NewClipRun

/** A new edit of a photo. */
export interface NewPhotoRun {
  readonly kind: 'photo'
  readonly options: GivenOptions
  readonly photo: PictureSource
  readonly mask: PictureSource | null
  /** Runs of this host that it stands on, bottom first: their composite is the photo that it edits. */
  readonly over?: readonly string[]
}

/** A file by its bytes; messages call it by its name. */
export interface NamedFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** A new edit of a clip. */
export interface NewClipRun {
  readonly kind: 'clip'
  /** `atlas` may name a run of this host over the same clip, whose atlas is taken. */
  readonly options: GivenVideoOptions
  readonly clip: NamedFile
  /** Masks of the object, each named by the number of its frame, from 0: "00012.png"; none where options say it. */
  readonly object: readonly NamedFile[]
  /** Of the first frame: bounds the edit. */
  readonly mask: NamedFile | null
  /** Runs of this host over the same clip that it is painted over, bottom first: it takes their atlas. */
  readonly over?: readonly string[]
}

/** What can be asked of a run. */
export type RunRequest =
  /** Goes on: one that is held at once, one that was stopped or failed when its turn comes. */
  | { readonly do: 'go' }
  /** Holds it after the step at hand, with a checkpoint. */
  | { readonly do: 'pause' }
  /**
   * Finishes the step at hand and writes the outputs of the state reached (of a clip it is kept, and `render` writes
   * them); one that waits leaves the queue.
   */
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
  /** What other machines work on. Absent where the host has no way to know. */
  readonly queue?: QueueHost
  /** What the machine has that trains. */
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
  /**
   * Another mask for the run of a photo that is at work or held: from its next step on the edit stays where it is
   * white. The run keeps it, and tells it by an event `mask`; one that cannot be read or does not fit the photo by a
   * `warning`, and goes on with the one it has.
   * @param mask null for none: the edit may go anywhere
   * @throws RUN_NOT_FOUND, OPTION_INVALID for a run that is not at work, or is that of a clip
   */
  setMask(run: string, mask: NamedFile | null): Promise<void>
  /** The names of all files that a run has now; each slash is a folder's. @throws RUN_NOT_FOUND */
  files(run: string): Promise<readonly string[]>
  /** A file of a run; null where there is none. @throws RUN_NOT_FOUND */
  file(run: string, name: string): Promise<Blob | null>
  /** The run as a zip that the command line continues. @throws RUN_NOT_FOUND */
  zip(run: string): Promise<Blob>
  /** Takes a zip of a run, of this host or another. @returns its name @throws RUN_INVALID, CONFIG_*, INPUT_* */
  bring(zip: Blob): Promise<string>
  /**
   * A photo that a browser does not show, or shows in wrong colours (TIFF, CMYK), as a PNG of 8 bits and of its own
   * upright size. Absent where the host reads no more than the browser.
   * @throws INPUT_*
   */
  preview?(photo: NamedFile): Promise<Blob>
  /** @throws PROMPT_*, INPUT_*, INTERRUPTED */
  locate(asked: LocateQuestion, signal: AbortSignal): Promise<LocatedMap>
  /**
   * Maps a layer that was painted on the atlas of a clip's run to all frames, when its turn comes: the clips are
   * written to the run's folder `painted`, its other outputs stay.
   * @param picture PNG of the atlas picture's size, straight alpha
   * @throws RUN_NOT_FOUND, INPUT_*, LAYER_UNSUPPORTED, OPTION_INVALID for a run that has no atlas yet
   */
  paint(run: string, layer: LayerName, picture: Uint8Array): Promise<void>
}

/** What words are looked for in a photo with. */
export type LocateQuestion = Omit<NewPhotoRun, 'kind' | 'mask'>
