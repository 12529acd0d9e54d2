import { CustomVideoDecoder, type EncodedPacket, type VideoCodec } from 'mediabunny'
import * as libav from 'node-av'
import { bufferOf, DecodedSample, LibavFrames, type DecodedFrame } from './libavFrames.js'

const codecIds: Readonly<Record<VideoCodec, libav.AVCodecID>> = {
  avc: libav.AV_CODEC_ID_H264,
  hevc: libav.AV_CODEC_ID_HEVC,
  vp8: libav.AV_CODEC_ID_VP8,
  vp9: libav.AV_CODEC_ID_VP9,
  av1: libav.AV_CODEC_ID_AV1,
  prores: libav.AV_CODEC_ID_PRORES,
}

/**
 * Decodes video for mediabunny by libav's software decoders. Beside the decoder of `@mediabunny/server`, since that one
 * rejects on damaged data and mediabunny (1.61) then closes it in a promise that nobody holds, which ends the process:
 * this one reports through `onError` and never rejects.
 */
export class LibavDecoder extends CustomVideoDecoder {
  readonly #frames = new LibavFrames()
  /** Times of the packets that are in the decoder, by the number that each is given in place of its time. */
  readonly #times = new Map<number, { readonly timestamp: number; readonly duration: number }>()
  #packets = 0
  #failed = false

  static override supports(codec: VideoCodec): boolean {
    return codec in codecIds && libav.Codec.findDecoder(codecIds[codec]) !== null
  }

  async init(): Promise<void> {
    await this.#orFail(async () => {
      const codec = libav.Codec.findDecoder(codecIds[this.codec])!
      await this.#frames.open(codec, (context) => {
        const { codedWidth, codedHeight, description, codec: fourCharacters } = this.config
        context.width = codedWidth ?? 0
        context.height = codedHeight ?? 0
        context.extraData = description === undefined ? null : bufferOf(description)
        // The profile of ProRes, with or without alpha, is told by the container alone.
        if (this.codec === 'prores') context.codecTag = fourCharacters
      })
    })
  }

  async decode(packet: EncodedPacket): Promise<void> {
    await this.#orFail(async () => {
      const number = this.#packets++
      this.#times.set(number, packet)
      this.#emit(
        await this.#frames.decode({
          data: packet.data,
          number,
          isKey: packet.type === 'key',
          alpha: packet.sideData.alpha,
        }),
      )
    })
  }

  async flush(): Promise<void> {
    await this.#orFail(async () => {
      this.#emit(await this.#frames.flush())
      this.#times.clear()
    })
  }

  close(): void {
    this.#frames.close()
  }

  #emit(frames: readonly DecodedFrame[]): void {
    for (const decoded of frames) {
      const time = this.#times.get(decoded.number)
      if (!time) throw new Error('a decoded frame belongs to no packet')
      this.#times.delete(decoded.number)
      this.onSample(new DecodedSample(decoded, time))
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
