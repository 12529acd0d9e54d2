import { MatroskaInputFormat, UnsupportedInputFormatError, VideoSampleSink, type Input, type InputVideoTrack } from 'mediabunny'
import { Text2LiveError } from '../errors.js'
import type { Clip, ReadClipOptions } from './clip.js'
import { checkClipMemory, checkReadOptions, clipSize } from './clipSize.js'
import { resizeFrame } from './resizeFrame.js'
import { sampleToRgb } from './sampleToRgb.js'
import { turnFrame } from './turnFrame.js'

/**
 * Reads the frames of a video: MP4, MOV, WebM, MKV, or what else mediabunny opens. In a browser, WebCodecs decode; in Node, what `readClip` registers.
 * Frames are upright (rotation flags are applied) with square pixels; timestamps and durations are those of the file; what its edit list cuts off at the
 * start is left out. In memory are the frames at their final size and one at the file's.
 *
 * @param name of the file in messages
 * @throws Text2LiveError OPTION_INVALID, CLIP_NOT_VIDEO, CLIP_TRUNCATED, CLIP_TOO_LARGE, CLIP_CODEC_MISSING, INTERRUPTED
 */
export async function decodeVideo(input: Input, name: string, options: ReadClipOptions = {}): Promise<Clip> {
  checkReadOptions(options)
  const track = await openTrack(input, name)
  const [square, rotation, mirrored, stated] = await Promise.all([
    Promise.all([track.getSquarePixelWidth(), track.getSquarePixelHeight()]), track.getRotation(), track.getFlip(), track.getColorSpace(),
  ])
  const sideways = rotation === 90 || rotation === 270
  const sourceSize = sideways ? { width: square[1], height: square[0] } : { width: square[0], height: square[1] }
  const { width, height } = clipSize(sourceSize.width, sourceSize.height, options.size)
  const most = options.frames ?? Infinity
  const total = Math.min(most, await countFrames(track, name, options.frames))
  checkClipMemory(name, options.onFrame ? 1 : total, sourceSize, { width, height })

  const pixels: Uint8Array[] = []
  const timestamps: number[] = []
  const durations: number[] = []
  try {
    for await (const sample of new VideoSampleSink(track, { hardwareAcceleration: 'prefer-software' }).samples()) {
      try {
        if (options.signal?.aborted) throw new Text2LiveError('INTERRUPTED', `Stopped while ${name} was read, after ${timestamps.length} frames. Nothing was written.`)
        if (sample.timestamp + sample.duration <= 0 && sample.timestamp < 0) continue
        if (!(sample.timestamp >= (timestamps.at(-1) ?? -Infinity))) throw new RangeError(`frames are shown at ${timestamps.at(-1)} s and then at ${sample.timestamp} s`)
        const stored = await sampleToRgb(sample, stated)
        const resized = resizeFrame(stored.pixels, stored.width, stored.height, ...(sideways ? [height, width] as const : [width, height] as const))
        const frame = turnFrame(resized, sideways ? height : width, sideways ? width : height, rotation, mirrored)
        if (options.onFrame) await options.onFrame(frame)
        else pixels.push(frame)
        timestamps.push(sample.timestamp)
        durations.push(sample.duration)
      } finally {
        sample.close()
      }
      options.onProgress?.(timestamps.length, Math.max(total, timestamps.length))
      if (timestamps.length >= most) break
    }
  } catch (cause) {
    if (cause instanceof Text2LiveError) throw cause
    throw damaged(name, timestamps.length, cause)
  }
  if (timestamps.length === 0) throw damaged(name, 0, 'no frame could be decoded')
  // Matroska does not say how long the last frame is shown, which comes out as a tick: then it is shown as long as the one before.
  const last = timestamps.length - 1
  if (last > 0 && durations[last]! <= 1 / await track.getTimeResolution() && await input.getFormat() instanceof MatroskaInputFormat) durations[last] = durations[last - 1]!
  return { kind: 'video', frames: { width, height, pixels }, timing: { timestamps, durations }, sourceSize, notes: colourNotes(name, stated.transfer) }
}

async function openTrack(input: Input, name: string): Promise<InputVideoTrack> {
  let track: InputVideoTrack | null
  try {
    track = await input.getPrimaryVideoTrack()
  } catch (cause) {
    if (cause instanceof UnsupportedInputFormatError) {
      throw new Text2LiveError('CLIP_NOT_VIDEO', `Expected a video (MP4, MOV, WebM or MKV), but ${name} is none, or its start is missing. Convert it to MP4.`, { cause })
    }
    throw damaged(name, 0, cause)
  }
  if (track === null) {
    let tracks: string[]
    try { tracks = (await input.getTracks()).map(({ type }) => type) } catch (cause) { throw damaged(name, 0, cause) }
    if (tracks.length === 0) throw damaged(name, 0, 'the file lists no streams')
    throw new Text2LiveError('CLIP_NOT_VIDEO', `Expected a video stream, but ${name} has none (only ${tracks.join(', ')}). Give a file with pictures.`)
  }
  const codec = await track.getCodec()
  if (codec === null || !await track.canDecode()) {
    const unknown = codec ?? String(await track.getInternalCodecId())
    throw new Text2LiveError('CLIP_CODEC_MISSING', `The video of ${name} is in a codec that cannot be decoded here ("${unknown}"). Convert it to H.264 in MP4.`)
  }
  return track
}

async function countFrames(track: InputVideoTrack, name: string, enough: number | undefined): Promise<number> {
  try {
    return (await track.computePacketStats(enough)).packetCount
  } catch (cause) {
    throw damaged(name, 0, cause)
  }
}

function damaged(name: string, frames: number, cause: unknown): Text2LiveError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Text2LiveError('CLIP_TRUNCATED', `Expected a whole video, but ${name} is cut short or damaged after ${frames} frames (${reason}). Copy or export it again.`, { cause })
}

function colourNotes(name: string, transfer: string | null | undefined): string[] {
  if (transfer !== 'pq' && transfer !== 'hlg') return []
  return [`${name} has a high dynamic range (${transfer.toUpperCase()}), which is read as if it were standard: colours will look pale. Convert it to SDR for true ones.`]
}
