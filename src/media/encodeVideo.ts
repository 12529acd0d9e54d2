import {
  canEncodeVideo,
  EncodedAudioPacketSource,
  MovOutputFormat,
  Mp4OutputFormat,
  NullTarget,
  Output,
  Quality,
  VideoSample,
  VideoSampleSource,
  WebMOutputFormat,
  type OutputFormat,
  type Target,
  type VideoEncodingConfig,
  type VideoSampleInit,
} from 'mediabunny'
import { Text2LiveError } from '../errors.js'
import { clipEnd, type ClipTiming } from './clip.js'
import { rgbToYuv } from './rgbToYuv.js'
import type { Sound, SoundTrack } from './sound.js'
import { steadyRate, tickRate } from './tickRate.js'

/** Kind, size and frames of a clip to write. */
export interface EncodeOptions {
  /**
   * `mp4`: H.264, 4:2:0; needs even sides, so an odd one gets one more column or row, a copy of the last. `webm-alpha`:
   * VP9 with alpha. `prores`: ProRes 4444, 10 bits, with alpha, in MOV. Of a browser it is not to be had.
   */
  readonly format: 'mp4' | 'webm-alpha' | 'prores'
  /** Of the frames, px. */
  readonly width: number
  readonly height: number
  readonly timing: ClipTiming
  /**
   * Each `height * width * 3` bytes RGB for `mp4`, `height * width * 4` bytes straight RGBA for the others; as many as
   * `timing` has.
   */
  readonly frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  readonly signal?: AbortSignal | undefined
  /** After each frame: how many were taken, and of how many. */
  readonly onProgress?: ((frame: number, frames: number) => void) | undefined
}

/** What a clip became when it was written. */
export interface WrittenClip {
  /** As the file has it. */
  readonly width: number
  readonly height: number
  /** Sentences for the reader of a log: a side that was made even, sound that was left out. */
  readonly notes: readonly string[]
}

const bt709 = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', fullRange: false } as const

type PlanesInit = Required<
  Pick<VideoSampleInit, 'format' | 'codedWidth' | 'codedHeight' | 'timestamp' | 'duration' | 'colorSpace'>
>

interface Recipe {
  readonly channels: 3 | 4
  readonly container: () => OutputFormat
  readonly pixels: 'I420' | 'I420A' | 'I444AP10'
  /**
   * The quantizers leave no difference that the eye sees: 40 dB on DAVIS, what 4:2:0 costs included. The rates are for
   * encoders that know no quantizer.
   */
  readonly video: (width: number, height: number, rate: number) => VideoEncodingConfig
}

const recipes: Readonly<Record<EncodeOptions['format'], Recipe>> = {
  mp4: {
    channels: 3,
    pixels: 'I420',
    container: () => new Mp4OutputFormat({ fastStart: 'in-memory' }),
    video: (width, height, rate) => ({
      codec: 'avc',
      quality: new Quality({ quantizer: 17, bitrate: Math.ceil(0.4 * width * height * rate) }),
    }),
  },
  'webm-alpha': {
    channels: 4,
    pixels: 'I420A',
    container: () => new WebMOutputFormat(),
    video: (width, height, rate) => ({
      codec: 'vp9',
      alpha: 'keep',
      quality: new Quality({ quantizer: 12, bitrate: Math.ceil(0.4 * width * height * rate) }),
    }),
  },
  prores: {
    channels: 4,
    pixels: 'I444AP10',
    container: () => new MovOutputFormat({ fastStart: 'in-memory' }),
    video: (width, height, rate) => ({
      codec: 'prores',
      fullCodecString: 'ap4h',
      alpha: 'keep',
      quality: new Quality({ bitrate: Math.ceil(8 * width * height * rate) }),
    }),
  },
}

/**
 * Writes a video: the frames at the times of `timing` (to the tick in MP4 and MOV, to the millisecond in WebM), tagged
 * BT.709 and limited range. The sound of another file is carried over packet by packet, as it is; what the container
 * cannot hold, and what is damaged so that it refuses it, is left out with a note.
 *
 * @param target emptied by the caller on failure
 * @param sound to carry over, up to the end of the last frame: what `readSound` gives
 * @throws Text2LiveError SHAPE_MISMATCH (frames of another number or size), CLIP_CODEC_MISSING, INTERRUPTED; what
 *   `target` throws
 */
export async function encodeVideo(target: Target, options: EncodeOptions, sound?: Sound): Promise<WrittenClip> {
  const { format, timing, signal } = options
  const count = timing.timestamps.length
  const { channels, container, pixels, video } = recipes[format]
  const even = (side: number) => (format === 'mp4' ? side + (side % 2) : side)
  const width = even(options.width)
  const height = even(options.height)
  const notes = [...(sound?.notes ?? [])]
  if (width !== options.width || height !== options.height) {
    notes.push(
      `H.264 needs even sides: the clip is ${width}x${height}, its last column or row of pixels doubled, instead of ${options.width}x${options.height}.`,
    )
  }
  const rate = count / Math.max(1e-3, clipEnd(timing) - (timing.timestamps[0] ?? 0))
  const config = video(width, height, rate)
  if (!(await canEncodeVideo(config.codec, { ...config, width, height }))) {
    throw new Text2LiveError(
      'CLIP_CODEC_MISSING',
      `A clip as "${format}" needs an encoder for ${config.codec}, which is not here. Choose another format, or a sequence of PNGs.`,
    )
  }

  const output = new Output({ format: container(), target })
  const source = new VideoSampleSource({
    ...config,
    keyFrameInterval: 2,
    hardwareAcceleration: 'prefer-software',
    // The rate of the track is its clock (below); encoders want frames per second.
    onEncoderConfig: (encoder) => {
      encoder.framerate = Math.round(rate)
    },
    // Encoders of libav do not pass on how the frames are tagged.
    onEncodedPacket: (_, meta) => {
      if (meta?.decoderConfig) meta.decoderConfig.colorSpace = bt709
    },
  })
  // In MP4 and MOV `frameRate` sets the clock, to which times are rounded; WebM counts milliseconds, and there it is
  // what it is called.
  const clock = format === 'webm-alpha' ? steadyRate(timing) : tickRate(timing)
  output.addVideoTrack(source, { ...(clock === null ? {} : { frameRate: clock }), canBeTransparent: channels === 4 })
  const copies: (() => Promise<void>)[] = []
  for (const track of sound?.tracks ?? []) {
    const refused = await refusal(container(), track)
    if (refused === null) copies.push(addTrack(output, track))
    else notes.push(`Sound in "${track.codec}" ${refused} and was left out.`)
  }
  try {
    await output.start()
    await Promise.all([addFrames(), ...copies.map((copy) => copy())])
    await output.finalize()
  } catch (cause) {
    await output.cancel().catch(() => undefined)
    throw cause
  }
  return { width, height, notes }

  async function addFrames(): Promise<void> {
    let t = 0
    for await (const frame of options.frames) {
      if (signal?.aborted)
        throw new Text2LiveError(
          'INTERRUPTED',
          `Stopped after ${t} of ${count} frames were encoded. The clip was not written.`,
        )
      if (t >= count || frame.length !== options.width * options.height * channels) {
        throw new Text2LiveError(
          'SHAPE_MISMATCH',
          `A clip as "${format}" expected ${count} frames of ${options.width}x${options.height}x${channels} bytes, got ${frame.length} bytes for frame ${t}.`,
        )
      }
      const planes = rgbToYuv(
        padded(frame, options.width, options.height, channels, width, height),
        width,
        height,
        channels,
        pixels === 'I444AP10' ? '444p10' : '420',
      )
      const sample = new PlanesSample(planes, {
        format: pixels,
        codedWidth: width,
        codedHeight: height,
        timestamp: timing.timestamps[t]!,
        duration: timing.durations[t]!,
        colorSpace: bt709,
      })
      try {
        await source.add(sample)
      } finally {
        sample.close()
      }
      t++
      options.onProgress?.(t, count)
    }
    if (t !== count)
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `A clip as "${format}" expected ${count} frames, as its timing has, got ${t}.`,
      )
    source.close()
  }
}

/**
 * Copied as a whole: mediabunny (1.61) leaves out the chroma of a last column that is half a pair, and libav then
 * refuses the frame.
 */
class PlanesSample extends VideoSample {
  readonly #planes: Uint8Array | Uint16Array
  readonly #init: PlanesInit

  constructor(planes: Uint8Array | Uint16Array, init: PlanesInit) {
    super(planes, init)
    this.#planes = planes
    this.#init = init
  }

  override clone(): PlanesSample {
    return new PlanesSample(this.#planes, { ...this.#init, timestamp: this.timestamp, duration: this.duration })
  }

  override allocationSize(options: VideoFrameCopyToOptions = {}): number {
    return options.format ? super.allocationSize(options) : this.#planes.byteLength
  }

  override async copyTo(
    destination: AllowSharedBufferSource,
    options: VideoFrameCopyToOptions = {},
  ): Promise<PlaneLayout[]> {
    if (options.format) return super.copyTo(destination, options)
    bytesOf(destination).set(bytesOf(this.#planes))
    return []
  }
}

function bytesOf(data: AllowSharedBufferSource): Uint8Array {
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}

/**
 * What is wrong with a track for `format`; null where it can be carried over. Damage in packets is found only as they
 * are written, too late to leave them out.
 */
async function refusal(format: OutputFormat, track: SoundTrack): Promise<string | null> {
  if (!format.getSupportedAudioCodecs().includes(track.codec)) return `cannot be held by ${format.fileExtension} files`
  const trial = new Output({ format, target: new NullTarget() })
  try {
    const copy = addTrack(trial, track)
    await trial.start()
    await copy()
    await trial.finalize()
    return null
  } catch {
    await trial.cancel().catch(() => undefined)
    return 'is damaged'
  }
}

/** @returns copies the packets, once `output` has started */
function addTrack(output: Output, { codec, languageCode, decoderConfig, packets }: SoundTrack): () => Promise<void> {
  const source = new EncodedAudioPacketSource(codec)
  output.addAudioTrack(source, { languageCode })
  return async () => {
    for (const packet of packets) await source.add(packet, { decoderConfig })
    source.close()
  }
}

/** The frame with its last column and row repeated up to another size. */
function padded(
  frame: Uint8Array,
  width: number,
  height: number,
  channels: number,
  toWidth: number,
  toHeight: number,
): Uint8Array {
  if (width === toWidth && height === toHeight) return frame
  const out = new Uint8Array(toWidth * toHeight * channels)
  for (let y = 0; y < toHeight; y++) {
    const row = frame.subarray(
      Math.min(y, height - 1) * width * channels,
      (Math.min(y, height - 1) + 1) * width * channels,
    )
    out.set(row, y * toWidth * channels)
    if (toWidth > width) out.set(row.subarray(-channels), (y * toWidth + width) * channels)
  }
  return out
}
