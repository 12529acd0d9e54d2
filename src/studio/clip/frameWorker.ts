// Decodes single frames of a clip for the page, counted as a run counts them.
import { BufferSource, EncodedPacketSink, Input, type InputVideoTrack, VideoSampleSink } from 'mediabunny'
import { Text2LiveError } from '../../errors.js'
import { containerFormats } from '../../media/containerFormats.js'
import { damagedVideo, openTrack, squarePixels } from '../../media/decodeVideo.js'
import { answering, type CallMessage } from '../hosts/calls.js'
import type { FrameCalls, ScrubbedClip } from './frameReader.js'

interface Opened extends ScrubbedClip {
  readonly name: string
  readonly sink: VideoSampleSink
}

let opened: Opened | null = null

const take = answering<FrameCalls>(
  {
    async open({ name, bytes }) {
      opened = await open(`"${name}"`, bytes)
      const { width, height, timestamps } = opened
      return { width, height, timestamps }
    },
    frame: (index) => frame(opened!, index),
  },
  (message) =>
    postMessage(message, {
      transfer: 'answer' in message && message.answer instanceof ImageBitmap ? [message.answer] : [],
    }),
)
addEventListener('message', ({ data }: MessageEvent<CallMessage>) => take(data))

async function open(name: string, bytes: Uint8Array): Promise<Opened> {
  const track = await openTrack(new Input({ source: new BufferSource(bytes), formats: containerFormats }), name)
  const [square, coded, rotation] = await Promise.all([
    Promise.all([track.getSquarePixelWidth(), track.getSquarePixelHeight()]),
    Promise.all([track.getCodedWidth(), track.getCodedHeight()]),
    track.getRotation(),
  ])
  const { width, height } = squarePixels(coded, square)
  const sideways = rotation === 90 || rotation === 270
  return {
    name,
    sink: new VideoSampleSink(track, { hardwareAcceleration: 'prefer-software' }),
    timestamps: await shownAt(track, name),
    ...(sideways ? { width: height, height: width } : { width, height }),
  }
}

/** What the edit list cuts off at the start is no frame, as in a run. */
async function shownAt(track: InputVideoTrack, name: string): Promise<number[]> {
  const timestamps: number[] = []
  try {
    const packets = new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true })
    for await (const { timestamp, duration } of packets)
      if (timestamp >= 0 || timestamp + duration > 0) timestamps.push(timestamp)
  } catch (cause) {
    throw damagedVideo(name, 0, cause)
  }
  if (timestamps.length === 0) throw damagedVideo(name, 0, 'it has no frames')
  // Packets come in the order in which they are decoded.
  return timestamps.sort((a, b) => a - b)
}

async function frame({ name, sink, timestamps, width, height }: Opened, index: number): Promise<ImageBitmap> {
  const sample = await sink.getSample(timestamps[index]!).catch((cause: unknown) => {
    throw damagedVideo(name, index, cause)
  })
  if (sample === null) throw damagedVideo(name, index, 'the frame cannot be decoded')
  try {
    const canvas = new OffscreenCanvas(width, height)
    const context = canvas.getContext('2d')
    if (context === null)
      throw new Text2LiveError('DEVICE_UNAVAILABLE', 'Expected a canvas to draw on, and this browser gave none.')
    sample.draw(context, 0, 0, width, height)
    return canvas.transferToImageBitmap()
  } finally {
    sample.close()
  }
}
