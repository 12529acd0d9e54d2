import type { ClipFrames } from './clipFrames.js'

/** When each frame of a clip is shown, in seconds; frame rates may vary. */
export interface ClipTiming {
  /** Start of each frame; ascending, the first need not be 0. */
  readonly timestamps: readonly number[]
  /** How long each frame is shown. */
  readonly durations: readonly number[]
}

/** When the last frame ends, in seconds; 0 without frames. */
export function clipEnd({ timestamps, durations }: ClipTiming): number {
  return timestamps.length === 0 ? 0 : timestamps.at(-1)! + durations.at(-1)!
}

/** A clip as it was read: upright, square pixels, sRGB; what is transparent, over black. */
export interface Clip {
  readonly kind: 'video' | 'gif' | 'folder'
  readonly frames: ClipFrames
  /** Of each frame, where the clip has transparency: straight alpha, `height * width` bytes. Not beside `onFrame`. */
  readonly alphas?: readonly Uint8Array[]
  readonly timing: ClipTiming
  /** Of a folder of images: the name of each frame's file, without its ending. */
  readonly frameNames?: readonly string[]
  /** Of a folder of images: the names of all of them, read or not. */
  readonly folderNames?: readonly string[]
  /** Before it was resized, px: upright, square pixels. */
  readonly sourceSize: { readonly width: number; readonly height: number }
  /** Sentences for the reader of a log: what was assumed or left out. */
  readonly notes: readonly string[]
}

/** How a clip is read. */
export interface ReadClipOptions {
  /** Read at most so many frames, from the first. Default: all. */
  readonly frames?: number | undefined
  /**
   * Short side of the frames that are kept, px; the long side follows, as the nearest even number. A clip is never
   * enlarged: one with a shorter short side keeps its size. Default: the clip's own size.
   */
  readonly size?: number | undefined
  /** Of a folder of images, which says nothing of time. Default 24 per second. */
  readonly frameRate?: number | undefined
  /**
   * Gets each frame in turn, and its alpha where it is not opaque, instead of `Clip.frames`, which then holds none: the
   * next is read once the promise is settled.
   */
  readonly onFrame?: ((pixels: Uint8Array, alpha: Uint8Array | null) => Promise<void>) | undefined
  readonly signal?: AbortSignal | undefined
  /** After each frame: how many were read, and of how many. */
  readonly onProgress?: ((frame: number, frames: number) => void) | undefined
}
