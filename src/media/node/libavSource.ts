import type { VideoSample } from 'mediabunny'
import * as libav from 'node-av'
import { squarePixels, type VideoSource } from '../decodeVideo.js'
import { check, DecodedSample, LibavFrames, type DecodedFrame } from './libavFrames.js'

export type LibavContainer = 'avi' | 'mov' | 'matroska' | 'mpegts'

export interface LibavSource extends VideoSource {
  /** Whether the file has sound too. */
  readonly hasSound: boolean
  close(): Promise<void>
}

/**
 * Opens a video by libav's own reader of its container, for what mediabunny does not read: AVI, and MPEG-4 part 2,
 * Motion JPEG and the like in MP4, MOV and MKV, MPEG-2 in transport streams. The reader is named, and it may open this
 * file alone: what a file says of other places is never followed.
 *
 * @returns null where libav does not decode its video
 * @throws an error of libav where it cannot be read, or another where there is no video in it
 */
export async function openLibavSource(path: string, container: LibavContainer): Promise<LibavSource | null> {
  const format = new libav.FormatContext()
  format.allocContext()
  try {
    check(
      await format.openInput(
        `file:${path}`,
        libav.InputFormat.findInputFormat(container),
        libav.Dictionary.fromObject({ protocol_whitelist: 'file' }),
      ),
      'open',
    )
    check(await format.findStreamInfo(null), 'read the streams')
    const streams = format.streams
    const stream = streams.find(({ codecpar }) => codecpar.codecType === libav.AVMEDIA_TYPE_VIDEO)
    if (stream === undefined) throw new Error('it lists no video')
    const codec = libav.Codec.findDecoder(stream.codecpar.codecId)
    if (codec === null || !(stream.codecpar.width > 0 && stream.codecpar.height > 0)) {
      await format.closeInput()
      return null
    }
    const { width, height, sampleAspectRatio: aspect } = stream.codecpar
    const stretch = aspect.num > 0 && aspect.den > 0 ? aspect.num / aspect.den : 1
    return {
      ...squarePixels(
        [width, height],
        [Math.round(width * Math.max(1, stretch)), Math.round(height / Math.min(1, stretch))],
      ),
      rotation: 0,
      mirrored: false,
      stated: {},
      count: Math.max(0, Number(stream.nbFrames)),
      hasSound: streams.some(({ codecpar }) => codecpar.codecType === libav.AVMEDIA_TYPE_AUDIO),
      samples: samplesOf(format, stream, codec),
      close: async () => {
        await format.closeInput()
      },
    }
  } catch (error) {
    await format.closeInput().catch(() => undefined)
    throw error
  }
}

/** Each frame is shown until the next; the last as long as the one before. */
async function* samplesOf(
  format: libav.FormatContext,
  stream: libav.Stream,
  codec: libav.Codec,
): AsyncGenerator<VideoSample, void, undefined> {
  const rate =
    stream.avgFrameRate.num > 0 && stream.avgFrameRate.den > 0 ? stream.avgFrameRate.num / stream.avgFrameRate.den : 25
  const unit = stream.timeBase.num / stream.timeBase.den
  const frames = new LibavFrames()
  const packet = new libav.Packet()
  packet.alloc()
  await frames.open(codec, (context) => {
    check(context.parametersToContext(stream.codecpar), 'open')
  })
  const times = new Map<number, number>()
  let count = 0
  let shown = 0
  let waiting: { readonly decoded: DecodedFrame; readonly timestamp: number } | null = null
  let duration = 1 / rate
  /** AVI numbers its frames in the order they are stored, others say when each is shown. */
  const timeOf = ({ number }: DecodedFrame): number => {
    const time = times.get(number)
    times.delete(number)
    return time === undefined ? shown++ / rate : time
  }
  function* inOrder(decoded: readonly DecodedFrame[]): Generator<VideoSample, void, undefined> {
    for (const each of decoded) {
      const next = { decoded: each, timestamp: timeOf(each) }
      if (waiting !== null) {
        duration = Math.max(0, next.timestamp - waiting.timestamp)
        yield new DecodedSample(waiting.decoded, { timestamp: waiting.timestamp, duration })
      }
      waiting = next
    }
  }
  try {
    for (;;) {
      const status = await format.readFrame(packet)
      if (status === libav.AVERROR_EOF) break
      check(status, 'read')
      if (packet.streamIndex === stream.index && packet.data !== null && packet.data.length > 0) {
        const number = count++
        if (format.iformat?.name !== 'avi' && packet.pts !== libav.AV_NOPTS_VALUE)
          times.set(number, Number(packet.pts) * unit)
        yield* inOrder(await frames.decode({ data: packet.data, number, isKey: packet.isKeyframe }))
      }
      packet.unref()
    }
    yield* inOrder(await frames.flush())
    const last = waiting as { readonly decoded: DecodedFrame; readonly timestamp: number } | null
    waiting = null
    if (last !== null) yield new DecodedSample(last.decoded, { timestamp: last.timestamp, duration })
  } finally {
    ;(waiting as { readonly decoded: DecodedFrame } | null)?.decoded.frame.free()
    packet.free()
    frames.close()
  }
}
