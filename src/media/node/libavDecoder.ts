import { AvFrameVideoSampleResource } from '@mediabunny/server'
import { CustomVideoDecoder, VideoSample, type EncodedPacket, type VideoCodec } from 'mediabunny'
import * as libav from 'node-av'

const codecIds: Readonly<Record<VideoCodec, libav.AVCodecID>> = {
  avc: libav.AV_CODEC_ID_H264, hevc: libav.AV_CODEC_ID_HEVC, vp8: libav.AV_CODEC_ID_VP8, vp9: libav.AV_CODEC_ID_VP9, av1: libav.AV_CODEC_ID_AV1, prores: libav.AV_CODEC_ID_PRORES,
}

/**
 * Decodes video for mediabunny by libav's software decoders. Beside the decoder of `@mediabunny/server`, since that one rejects on damaged data and mediabunny
 * (1.61) then closes it in a promise that nobody holds, which ends the process: this one reports through `onError` and never rejects.
 */
export class LibavDecoder extends CustomVideoDecoder {
  readonly #frame = new libav.Frame()
  readonly #packet = new libav.Packet()
  readonly #context = new libav.CodecContext()
  /** Times of the packets that are in the decoder, by the number that each is given in place of its time. */
  readonly #times = new Map<number, { readonly timestamp: number; readonly duration: number }>()
  #packets = 0
  #failed = false

  static override supports(codec: VideoCodec): boolean {
    return codec in codecIds && libav.Codec.findDecoder(codecIds[codec]) !== null
  }

  async init(): Promise<void> {
    await this.#orFail(async () => {
      this.#frame.alloc()
      this.#packet.alloc()
      const codec = libav.Codec.findDecoder(codecIds[this.codec])!
      const { codedWidth, codedHeight, description, codec: fourCharacters } = this.config
      this.#context.allocContext3(codec)
      this.#context.width = codedWidth ?? 0
      this.#context.height = codedHeight ?? 0
      this.#context.extraData = description === undefined ? null : bufferOf(description)
      // The profile of ProRes, with or without alpha, is told by the container alone.
      if (this.codec === 'prores') this.#context.codecTag = fourCharacters
      // Reordered frames wait for each other even where the stream does not say how many there may be.
      const options = libav.Dictionary.fromObject({ strict: String(libav.FF_COMPLIANCE_STRICT) })
      check(await this.#context.open2(codec, options), 'open')
    })
  }

  async decode(packet: EncodedPacket): Promise<void> {
    await this.#orFail(async () => {
      const number = this.#packets++
      this.#times.set(number, packet)
      this.#packet.data = Buffer.from(packet.data)
      this.#packet.pts = BigInt(number)
      this.#packet.dts = libav.AV_NOPTS_VALUE
      this.#packet.isKeyframe = packet.type === 'key'
      check(await this.#context.sendPacket(this.#packet), 'decode')
      this.#packet.unref()
      await this.#receive()
    })
  }

  async flush(): Promise<void> {
    await this.#orFail(async () => {
      check(await this.#context.sendPacket(null), 'flush')
      await this.#receive()
      this.#context.flushBuffers()
      this.#times.clear()
    })
  }

  close(): void {
    this.#context.freeContext()
    this.#frame.free()
    this.#packet.free()
  }

  async #receive(): Promise<void> {
    for (;;) {
      const status = await this.#context.receiveFrame(this.#frame)
      if (status === libav.AVERROR_EAGAIN || status === libav.AVERROR_EOF) return
      check(status, 'decode')
      // Pixels that are not square are the track's to tell; here they would be unknown (0 to 1), which is refused.
      this.#frame.sampleAspectRatio = new libav.Rational(1, 1)
      const number = Number(this.#frame.pts)
      const time = this.#times.get(number)
      const frame = this.#frame.clone()
      if (!time || !frame) throw new Error('a decoded frame belongs to no packet')
      this.#times.delete(number)
      this.onSample(new DecodedSample(frame, time))
    }
  }

  async #orFail(work: () => Promise<void>): Promise<void> {
    if (this.#failed) return
    try {
      await work()
    } catch (error) {
      this.#failed = true
      this.onError(error)
    }
  }
}

/** Copied with the padding that libav's rows have: mediabunny (1.61) leaves out the chroma of a last column that is half a pair. */
class DecodedSample extends VideoSample {
  readonly #planes: readonly { readonly data: Uint8Array; readonly stride: number }[]

  constructor(frame: libav.Frame, { timestamp, duration }: { readonly timestamp: number; readonly duration: number }) {
    super(new AvFrameVideoSampleResource(frame), { timestamp, duration })
    this.#planes = (frame.data ?? []).map((data, i) => ({ data, stride: frame.linesize[i]! }))
  }

  override allocationSize(options: VideoFrameCopyToOptions = {}): number {
    if (options.format) return super.allocationSize(options)
    return this.#planes.reduce((sum, { data }) => sum + data.length, 0)
  }

  override async copyTo(destination: AllowSharedBufferSource, options: VideoFrameCopyToOptions = {}): Promise<PlaneLayout[]> {
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

function check(status: number, doing: string): void {
  libav.FFmpegError.throwIfError(status, doing)
}

function bufferOf(data: AllowSharedBufferSource): Buffer {
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data)
}
