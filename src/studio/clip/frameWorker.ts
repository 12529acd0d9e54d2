// Decodes single frames of a clip for the page, counted as a run counts them, and grows a click to the object under it.
import { BufferSource, EncodedPacketSink, Input, type InputVideoTrack, VideoSampleSink } from 'mediabunny'
import { estimateClipFlow } from '../../atlas/clipFlow.js'
import { foregroundMasks } from '../../atlas/foregroundMasks.js'
import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { containerFormats } from '../../media/containerFormats.js'
import { assertWebCodecs } from '../../media/web/assertWebCodecs.js'
import { damagedVideo, openTrack, squarePixels } from '../../media/decodeVideo.js'
import { answering, type CallMessage } from '../hosts/calls.js'
import type { FrameCalls, FramePoint, GrownObject, ScrubbedClip } from './frameReader.js'

interface Opened extends ScrubbedClip {
  readonly name: string
  readonly sink: VideoSampleSink
}

/** How many frames a click is grown from, and their longer side, px. */
const grownFrom = { frames: 5, side: 320 } as const

let opened: Opened | null = null

const take = answering<FrameCalls>(
  {
    async open({ name, bytes }) {
      opened = await open(`"${name}"`, bytes)
      const { width, height, timestamps } = opened
      return { width, height, timestamps }
    },
    frame: (index) => frame(opened!, index),
    grow: (point, signal) => grow(opened!, point, signal),
  },
  (message) =>
    postMessage(message, {
      transfer: 'answer' in message && message.answer instanceof ImageBitmap ? [message.answer] : [],
    }),
)
addEventListener('message', ({ data }: MessageEvent<CallMessage>) => take(data))

async function open(name: string, bytes: Uint8Array): Promise<Opened> {
  assertWebCodecs()
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

async function grow(clip: Opened, { frame: clicked, x, y }: FramePoint, signal: AbortSignal): Promise<GrownObject> {
  const first = Math.max(0, Math.min(clicked - (grownFrom.frames >> 1), clip.timestamps.length - grownFrom.frames))
  const frames = await smallFrames(clip, first)
  const { width, height } = frames
  const point = {
    kind: 'point',
    x: Math.floor((x * width) / clip.width),
    y: Math.floor((y * height) / clip.height),
    frame: clicked - first,
  } as const
  const masks = await foregroundMasks({
    frames,
    flow: await estimateClipFlow(frames, { signal }),
    hint: point,
    signal,
  })
  const { data } = masks[point.frame]!
  const pixels = new ImageData(width, height)
  data.forEach((value, i) => {
    const grey = Math.round(255 * value)
    pixels.data.set([grey, grey, grey, 255], 4 * i)
  })
  const inside = data.reduce((count, value) => (value >= 0.5 ? count + 1 : count), 0)
  return { map: await createImageBitmap(pixels), share: inside / data.length }
}

/** Neighbouring frames of a clip, at the size that a click is grown at. */
async function smallFrames(clip: Opened, first: number): Promise<ClipFrames> {
  const scale = Math.min(1, grownFrom.side / Math.max(clip.width, clip.height))
  const [width, height] = [Math.round(clip.width * scale), Math.round(clip.height * scale)]
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!
  const pixels: Uint8Array[] = []
  for (let t = first; t < Math.min(first + grownFrom.frames, clip.timestamps.length); t++) {
    const picture = await frame(clip, t)
    context.drawImage(picture, 0, 0, width, height)
    picture.close()
    const { data } = context.getImageData(0, 0, width, height)
    pixels.push(new Uint8Array(3 * width * height).map((_, i) => data[4 * Math.floor(i / 3) + (i % 3)]!))
  }
  return { width, height, pixels }
}
