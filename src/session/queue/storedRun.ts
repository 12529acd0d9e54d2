import type { ImageSettings } from '../../options/imageOptions.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import type { RunEntry } from '../runHost.js'
import type { StageName } from '../videoEvents.js'

/** How a run stands, as its own files tell. */
export type StoredRun = StoredPhotoRun | StoredClipRun

export interface StoredPhotoRun extends StoredBase {
  readonly kind: 'photo'
  readonly settings: ImageSettings
}

export interface StoredClipRun extends StoredBase {
  readonly kind: 'clip'
  readonly settings: VideoSettings
  readonly stage: StageName | null
}

interface StoredBase {
  /** Of the checkpoint: where it would go on. Of a clip that of the layer that was trained last. */
  readonly step: number
  /** Its last step was the last one planned, and its outputs were written. */
  readonly finished: boolean
  readonly over: readonly string[]
  readonly thumbnail: string | null
  readonly error: RunEntry['error']
}
