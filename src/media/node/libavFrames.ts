import { AvFrameVideoSampleResource } from '@mediabunny/server'
import { VideoSample } from 'mediabunny'
import * as libav from 'node-av'
import type { DecodedExtras } from '../sampleToRgb.js'

/** A compressed frame. `number` comes back with the frame that is decoded from it. */
export interface CompressedFrame {
  readonly data: Uint8Array
  readonly number: number
  readonly isKey: boolean
  /** Its alpha as a frame of its own, as VP8 and VP9 have it beside. */
  readonly alpha?: Uint8Array | undefined
}

/** A decoded frame under the number of the one that it came from. */
export interface DecodedFrame extends DecodedExtras {
  readonly number: number
  readonly frame: libav.Frame
}

/** Frames that were stored as two fields become whole ones; the others pass. */
const deinterlacing = 'bwdif=mode=send_frame:deint=interlaced'
/** The clock that frames are numbered in while they are made whole; the filter halves it. */
const clock = 1000

const slack = 6

/** libav's software decoders: compressed frames in, whole frames out, in the order they are shown in. */
export class LibavFrames {
  readonly #frame = new libav.Frame()
  readonly #packet = new libav.Packet()
  readonly #context = new libav.CodecContext()
  readonly #alphas = new Map<number, Uint8Array>()
  #codec: libav.Codec | null = null
  #alpha: LibavFrames | null = null
  #deinterlacer: libav.FilterAPI | null = null

  /** @param setUp gives the context what the container knows of the stream */
  async open(codec: libav.Codec, setUp: (context: libav.CodecContext) => void = () => undefined): Promise<void> {
    this.#codec = codec
    this.#frame.alloc()
    this.#packet.alloc()
    this.#context.allocContext3(codec)
    setUp(this.#context)
    // Reordered frames wait for each other even where the stream does not say how many there may be.
    const options = libav.Dictionary.fromObject({ strict: String(libav.FF_COMPLIANCE_STRICT) })
    check(await this.#context.open2(codec, options), 'open')
  }

  async decode({ data, number, isKey, alpha }: CompressedFrame): Promise<DecodedFrame[]> {
    if (alpha !== undefined) await this.#decodeAlpha(alpha, number, isKey)
    this.#packet.data = Buffer.from(data)
    this.#packet.pts = BigInt(number)
    this.#packet.dts = libav.AV_NOPTS_VALUE
    this.#packet.isKeyframe = isKey
    check(await this.#context.sendPacket(this.#packet), 'decode')
    this.#packet.unref()
    return await this.#receive()
  }

  /** What the decoder holds back; it can begin anew after that. */
  async flush(): Promise<DecodedFrame[]> {
    check(await this.#context.sendPacket(null), 'flush')
    const frames = await this.#receive()
    this.#context.flushBuffers()
    if (this.#deinterlacer !== null) {
      frames.push(...(await this.#whole(null)))
      this.#deinterlacer.close()
      this.#deinterlacer = null
    }
    this.#alphas.clear()
    return frames
  }

  close(): void {
    this.#deinterlacer?.close()
    this.#alpha?.close()
    this.#context.freeContext()
    this.#frame.free()
    this.#packet.free()
  }

  async #receive(): Promise<DecodedFrame[]> {
    const frames: DecodedFrame[] = []
    for (;;) {
      const status = await this.#context.receiveFrame(this.#frame)
      if (status === libav.AVERROR_EAGAIN || status === libav.AVERROR_EOF) return frames
      check(status, 'decode')
      // Pixels that are not square are the track's to tell; here they would be unknown (0 to 1), which is refused.
      this.#frame.sampleAspectRatio = new libav.Rational(1, 1)
      asLimited(this.#frame)
      // Once fields were met, all go through, so that none overtakes another.
      if (this.#deinterlacer !== null || this.#frame.hasFlags(libav.AV_FRAME_FLAG_INTERLACED))
        frames.push(...(await this.#whole(this.#frame)))
      else frames.push(this.#decoded(cloned(this.#frame), Number(this.#frame.pts), false))
    }
  }

  async #whole(frame: libav.Frame | null): Promise<DecodedFrame[]> {
    this.#deinterlacer ??= libav.FilterAPI.create(deinterlacing)
    if (frame !== null) frame.timeBase = new libav.Rational(1, clock)
    const whole = await this.#deinterlacer.processAll(frame)
    return whole.map((each) =>
      this.#decoded(each, (Number(each.pts) * clock * each.timeBase.num) / each.timeBase.den, true),
    )
  }

  #decoded(frame: libav.Frame, number: number, deinterlaced: boolean): DecodedFrame {
    const alpha = this.#alphas.get(number) ?? null
    this.#alphas.delete(number)
    return { frame, number, alpha, deinterlaced }
  }

  /**
   * Alpha is the luma of its stream, all codes used. The codec loses a little, and what is nearly opaque was meant to
   * be.
   */
  async #decodeAlpha(data: Uint8Array, number: number, isKey: boolean): Promise<void> {
    if (this.#alpha === null) {
      this.#alpha = new LibavFrames()
      await this.#alpha.open(this.#codec!)
    }
    for (const decoded of await this.#alpha.decode({ data, number, isKey })) {
      const { width, height, data: planes, linesize } = decoded.frame
      const [luma] = planes ?? []
      const plane = new Uint8Array(width * height)
      for (let y = 0; luma !== undefined && y < height; y++)
        plane.set(luma.subarray(y * linesize[0]!, y * linesize[0]! + width), y * width)
      this.#alphas.set(
        decoded.number,
        plane.map((value) => (value < slack ? 0 : value > 255 - slack ? 255 : value)),
      )
      decoded.frame.free()
    }
  }
}

/** The formats of JPEG say by their name that all codes are used; the others say it beside. */
const fullRanges = new Map<libav.AVPixelFormat, libav.AVPixelFormat>([
  [libav.AV_PIX_FMT_YUVJ420P, libav.AV_PIX_FMT_YUV420P],
  [libav.AV_PIX_FMT_YUVJ422P, libav.AV_PIX_FMT_YUV422P],
  [libav.AV_PIX_FMT_YUVJ444P, libav.AV_PIX_FMT_YUV444P],
])

function asLimited(frame: libav.Frame): void {
  const format = fullRanges.get(frame.format as libav.AVPixelFormat)
  if (format === undefined) return
  frame.format = format
  frame.colorRange = libav.AVCOL_RANGE_JPEG
}

function cloned(frame: libav.Frame): libav.Frame {
  const clone = frame.clone()
  if (clone === null) throw new Error('a decoded frame cannot be kept')
  return clone
}

/**
 * Copied with the padding that libav's rows have: mediabunny (1.61) leaves out the chroma of a last column that is half
 * a pair.
 */
export class DecodedSample extends VideoSample implements DecodedExtras {
  readonly alpha: Uint8Array | null
  readonly deinterlaced: boolean
  readonly #planes: readonly { readonly data: Uint8Array; readonly stride: number }[]

  constructor(
    { frame, alpha, deinterlaced }: DecodedFrame,
    { timestamp, duration }: { readonly timestamp: number; readonly duration: number },
  ) {
    super(new AvFrameVideoSampleResource(frame), { timestamp, duration })
    this.alpha = alpha
    this.deinterlaced = deinterlaced
    this.#planes = (frame.data ?? []).map((data, i) => ({ data, stride: frame.linesize[i]! }))
  }

  override allocationSize(options: VideoFrameCopyToOptions = {}): number {
    if (options.format) return super.allocationSize(options)
    return this.#planes.reduce((sum, { data }) => sum + data.length, 0)
  }

  override async copyTo(
    destination: AllowSharedBufferSource,
    options: VideoFrameCopyToOptions = {},
  ): Promise<PlaneLayout[]> {
    if (options.format) return super.copyTo(destination, options)
    const bytes = bufferOf(destination)
    let offset = 0
    return this.#planes.map(({ data, stride }) => {
      bytes.set(data, offset)
      offset += data.length
      return { offset: offset - data.length, stride }
    })
  }
}

/** @throws an error that names what libav was `doing` */
export function check(status: number, doing: string): void {
  libav.FFmpegError.throwIfError(status, doing)
}

export function bufferOf(data: AllowSharedBufferSource): Buffer {
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data)
}
