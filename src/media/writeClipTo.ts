import { NullTarget, StreamTarget, type StreamTargetChunk } from 'mediabunny'
import { Text2LiveError } from '../errors.js'
import type { FileWriter } from './clipCodec.js'
import { encodeVideo, type EncodeOptions, type WrittenClip } from './encodeVideo.js'
import type { Sound } from './sound.js'

/**
 * Writes a clip into an open file, see `encodeVideo`.
 * @throws Text2LiveError SHAPE_MISMATCH, CLIP_CODEC_MISSING, INTERRUPTED; what the file throws
 */
export async function writeClipTo(file: FileWriter, options: EncodeOptions, sound?: Sound): Promise<WrittenClip> {
  // mediabunny's own target for files takes a write that was cut short, as on a full disk, for a whole one.
  const stream = new WritableStream<StreamTargetChunk>({
    write: ({ data, position }) => file.write(data, position),
  })
  return await encodeVideo(new StreamTarget(stream, { chunked: true }), options, sound)
}

/**
 * Can frames of that size be written as `format` here? One is written into nothing, since what is promised may fail.
 */
export async function canWriteClip(format: EncodeOptions['format'], width: number, height: number): Promise<boolean> {
  try {
    await encodeVideo(new NullTarget(), {
      format,
      width,
      height,
      timing: { timestamps: [0], durations: [1] },
      frames: [new Uint8Array((format === 'mp4' ? 3 : 4) * width * height)],
    })
    return true
  } catch (error) {
    if (error instanceof Text2LiveError && error.code === 'CLIP_CODEC_MISSING') return false
    throw error
  }
}
