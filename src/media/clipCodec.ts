import type { Clip, ClipTiming, ReadClipOptions } from './clip.js'
import type { EncodeOptions, WrittenClip } from './encodeVideo.js'
import type { Sound } from './sound.js'

/** A clip's file: its bytes with a name for messages; or a path, where the machine has files. */
export type ClipSource = string | { readonly name: string; readonly bytes: Uint8Array }

/** The name of a clip as it was given. */
export const clipName = (source: ClipSource): string => (typeof source === 'string' ? source : source.name)

/** A file that is written piece by piece, at any place in it. */
export interface FileWriter {
  /** @throws DISK_FULL, OUTPUT_NOT_WRITABLE */
  write(data: Uint8Array, position: number): Promise<void>
  /** What was written is with the system when this is done. */
  close(): Promise<void>
}

/** How the machine that a run is on reads and writes clips. */
export interface ClipCodec {
  /** @throws Text2LiveError INPUT_*, CLIP_*, OPTION_INVALID, INTERRUPTED */
  readonly read: (source: ClipSource, options: ReadClipOptions) => Promise<Clip>
  /** The sound of a file up to the end of the last frame; of one without sound, none. @throws INTERRUPTED */
  readonly readSound: (source: ClipSource, timing: ClipTiming, signal: AbortSignal) => Promise<Sound>
  /** Can frames of that size be written as `format` here? Found out by writing one. */
  readonly canWrite: (format: EncodeOptions['format'], width: number, height: number) => Promise<boolean>
  /**
   * Writes a clip, see `encodeVideo`; whoever opened the file closes it.
   * @throws Text2LiveError SHAPE_MISMATCH, CLIP_CODEC_MISSING, INTERRUPTED; what the file throws
   */
  readonly write: (file: FileWriter, options: EncodeOptions, sound?: Sound) => Promise<WrittenClip>
}
