import {
  MatroskaInputFormat,
  UnsupportedInputFormatError,
  VideoSampleSink,
  type Input,
  type InputVideoTrack,
  type VideoSample,
} from 'mediabunny'
import { Text2LiveError } from '../errors.js'
import type { Clip, ReadClipOptions } from './clip.js'
import { checkClipMemory, checkReadOptions, clipSize } from './clipSize.js'
import { FrameCollector, overBlack, type StoredFrame } from './frameCollector.js'
import { resizeFrame } from './resizeFrame.js'
import { sampleToRgb, type DecodedExtras, type StatedColours } from './sampleToRgb.js'
import { turnFrame } from './turnFrame.js'

/**
 * Reads the frames of a video: MP4, MOV, WebM, MKV, or what else mediabunny opens. In a browser, WebCodecs decode; in
 * Node, what `readClip` registers. Frames are upright (rotation flags are applied) with square pixels; timestamps and
 * durations are those of the file; what its edit list cuts off at the start is left out. In memory are the frames at
 * their final size and one at the file's.
 *
 * @param name of the file in messages
 * @throws Text2LiveError OPTION_INVALID, CLIP_NOT_VIDEO, CLIP_TRUNCATED, CLIP_TOO_LARGE, CLIP_CODEC_MISSING,
 *   INTERRUPTED
 */
export async function decodeVideo(input: Input, name: string, options: ReadClipOptions = {}): Promise<Clip> {
  checkReadOptions(options)
  const track = await openTrack(input, name)
  const [square, coded, rotation, mirrored, stated] = await Promise.all([
    Promise.all([track.getSquarePixelWidth(), track.getSquarePixelHeight()]),
    Promise.all([track.getCodedWidth(), track.getCodedHeight()]),
    track.getRotation(),
    track.getFlip(),
    track.getColorSpace(),
  ])
  const count = await countFrames(track, name, options.frames)
  const samples = new VideoSampleSink(track, { hardwareAcceleration: 'prefer-software' }).samples()
  const clip = await collectFrames(
    { ...squarePixels(coded, square), rotation, mirrored, stated, count, samples },
    name,
    options,
  )
  // Matroska does not say how long the last frame is shown, which comes out as a tick: then it is shown as long as the
  // one before.
  const { timestamps, durations } = clip.timing
  const last = timestamps.length - 1
  if (
    last > 0 &&
    durations[last]! <= 1 / (await track.getTimeResolution()) &&
    (await input.getFormat()) instanceof MatroskaInputFormat
  ) {
    return { ...clip, timing: { timestamps, durations: [...durations.slice(0, -1), durations[last - 1]!] } }
  }
  return clip
}

/** A video that was opened. */
export interface VideoSource {
  /** Of a frame with square pixels, before it is turned. */
  readonly width: number
  readonly height: number
  /** Degrees clockwise. */
  readonly rotation: 0 | 90 | 180 | 270
  readonly mirrored: boolean
  readonly stated: StatedColours
  /** How many frames there may be; 0 where the file does not say. */
  readonly count: number
  readonly samples: AsyncIterable<VideoSample>
}

/**
 * What \`scale\` of ffmpeg and others leave of a shape that whole pixels do not hit is no reason to resize: a side that
 * would change by less than this, of 1, or by a pixel, stays.
 */
const nearlySquare = 0.01

/** The size with square pixels: that of the stored ones where these are nearly square. */
export function squarePixels(
  [codedWidth, codedHeight]: readonly [number, number],
  [width, height]: readonly [number, number],
): { readonly width: number; readonly height: number } {
  const isClose = (side: number, coded: number): boolean => Math.abs(side - coded) <= Math.max(1, nearlySquare * coded)
  return isClose(width, codedWidth) && isClose(height, codedHeight)
    ? { width: codedWidth, height: codedHeight }
    : { width, height }
}

/**
 * Reads the frames of an opened video.
 * @throws Text2LiveError CLIP_TRUNCATED, CLIP_TOO_LARGE, INTERRUPTED
 */
export async function collectFrames(source: VideoSource, name: string, options: ReadClipOptions): Promise<Clip> {
  const { rotation, mirrored, stated } = source
  const sideways = rotation === 90 || rotation === 270
  const sourceSize = sideways
    ? { width: source.height, height: source.width }
    : { width: source.width, height: source.height }
  const { width, height } = clipSize(sourceSize.width, sourceSize.height, options.size)
  const most = options.frames ?? Infinity
  const total = Math.min(most, source.count)
  const checkMemory = (count: number): void =>
    checkClipMemory(name, options.onFrame ? 1 : count, sourceSize, { width, height })
  checkMemory(total)

  const collector = new FrameCollector(options)
  const timestamps: number[] = []
  const durations: number[] = []
  let deinterlaced = false
  const brought = (plane: Uint8Array, from: StoredFrame, channels: 1 | 3): Uint8Array => {
    const [w, h] = sideways ? [height, width] : [width, height]
    return turnFrame(resizeFrame(plane, from.width, from.height, w, h, channels), w, h, rotation, mirrored, channels)
  }
  try {
    for await (const sample of source.samples) {
      try {
        if (options.signal?.aborted)
          throw new Text2LiveError(
            'INTERRUPTED',
            `Stopped while ${name} was read, after ${timestamps.length} frames. Nothing was written.`,
          )
        if (sample.timestamp + sample.duration <= 0 && sample.timestamp < 0) continue
        if (!(sample.timestamp >= (timestamps.at(-1) ?? -Infinity)))
          throw new RangeError(`frames are shown at ${timestamps.at(-1)} s and then at ${sample.timestamp} s`)
        if (timestamps.length >= total) checkMemory(timestamps.length + 1)
        deinterlaced ||= (sample as Partial<DecodedExtras>).deinterlaced === true
        const stored = overBlack(await sampleToRgb(sample, stated))
        await collector.add(
          brought(stored.pixels, stored, 3),
          stored.alpha === null ? null : brought(stored.alpha, stored, 1),
        )
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
    throw damagedVideo(name, timestamps.length, cause)
  }
  if (timestamps.length === 0) throw damagedVideo(name, 0, 'no frame could be decoded')
  const { notes, ...transparency } = collector.transparency(name)
  const fields = deinterlaced
    ? [
        `${name} is interlaced: each frame was made whole from its two fields (bwdif), and the clips written are progressive`,
      ]
    : []
  return {
    kind: 'video',
    frames: { width, height, pixels: collector.pixels },
    ...transparency,
    timing: { timestamps, durations },
    sourceSize,
    notes: [...colourNotes(name, stated.transfer), ...fields, ...notes],
  }
}

/** @throws CLIP_NOT_VIDEO, CLIP_TRUNCATED, CLIP_CODEC_MISSING */
export async function openTrack(input: Input, name: string): Promise<InputVideoTrack> {
  let track: InputVideoTrack | null
  try {
    track = await input.getPrimaryVideoTrack()
  } catch (cause) {
    if (cause instanceof UnsupportedInputFormatError) {
      throw new Text2LiveError(
        'CLIP_NOT_VIDEO',
        `Expected a video (MP4, MOV, WebM or MKV), but ${name} is none, or its start is missing. Convert it to MP4.`,
        { cause },
      )
    }
    throw damagedVideo(name, 0, cause)
  }
  if (track === null) {
    let tracks: string[]
    try {
      tracks = (await input.getTracks()).map(({ type }) => type)
    } catch (cause) {
      throw damagedVideo(name, 0, cause)
    }
    if (tracks.length === 0) throw damagedVideo(name, 0, 'the file lists no streams')
    throw new Text2LiveError(
      'CLIP_NOT_VIDEO',
      `Expected a video stream, but ${name} has none (only ${tracks.join(', ')}). Give a file with pictures.`,
    )
  }
  const codec = await track.getCodec()
  if (codec === null || !(await track.canDecode())) {
    const unknown = codec ?? String(await track.getInternalCodecId())
    throw new Text2LiveError(
      'CLIP_CODEC_MISSING',
      `The video of ${name} is in a codec that cannot be decoded here ("${unknown}"). Convert it to H.264 in MP4, for example: ffmpeg -i ${name} -c:v libx264 -crf 18 -pix_fmt yuv420p clip.mp4`,
    )
  }
  return track
}

async function countFrames(track: InputVideoTrack, name: string, enough: number | undefined): Promise<number> {
  try {
    return (await track.computePacketStats(enough)).packetCount
  } catch (cause) {
    throw damagedVideo(name, 0, cause)
  }
}

export function damagedVideo(name: string, frames: number, cause: unknown): Text2LiveError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Text2LiveError(
    'CLIP_TRUNCATED',
    `Expected a whole video, but ${name} is cut short or damaged after ${frames} frames (${reason}). Copy or export it again.`,
    { cause },
  )
}

function colourNotes(name: string, transfer: string | null | undefined): string[] {
  if (transfer !== 'pq' && transfer !== 'hlg') return []
  return [
    `${name} has a high dynamic range (${transfer.toUpperCase()}), which is read as if it were standard: colours will look pale. Convert it to SDR for true ones.`,
  ]
}
