import { Text2LiveError } from '../../errors.js'
import type { Clip, ReadClipOptions } from '../clip.js'
import { checkClipMemory, clipSize } from '../clipSize.js'
import { resizeFrame } from '../resizeFrame.js'
import { sharp } from './sharp.js'

/** Viewers show a frame that asks for less than this so long as `slowDelay`, ms. */
const leastDelay = 20
const slowDelay = 100

/**
 * Reads an animated GIF, each frame whole (what it leaves of the one before is drawn); transparent places come out black.
 *
 * @throws Text2LiveError CLIP_TRUNCATED, CLIP_TOO_LARGE, INTERRUPTED
 */
export async function readGif(path: string, options: ReadClipOptions = {}): Promise<Clip> {
  const name = `"${path}"`
  const damaged = (cause: unknown) => new Text2LiveError('CLIP_TRUNCATED',
    `Expected a whole GIF, but ${name} is cut short or damaged (${(cause instanceof Error ? cause.message : String(cause)).split('\n')[0]}). Copy or export it again.`, { cause })
  const metadata = await sharp(path, { pages: -1, limitInputPixels: false }).metadata().catch((cause: unknown) => { throw damaged(cause) })
  const count = Math.min(options.frames ?? Infinity, metadata.pages ?? 1)
  const sourceSize = { width: metadata.width, height: metadata.pageHeight ?? metadata.height }
  const { width, height } = clipSize(sourceSize.width, sourceSize.height, options.size)
  checkClipMemory(name, options.onFrame ? 1 : count, sourceSize, { width, height })
  const pixels: Uint8Array[] = []
  const durations: number[] = []
  const timestamps: number[] = []
  let time = 0
  for (let t = 0; t < count; t++) {
    if (options.signal?.aborted) throw new Text2LiveError('INTERRUPTED', `Stopped while ${name} was read, after ${t} frames. Nothing was written.`)
    const data = await sharp(path, { page: t, pages: 1, failOn: 'error', limitInputPixels: false }).flatten({ background: '#000' }).toColourspace('srgb').raw().toBuffer()
      .catch((cause: unknown) => { throw damaged(cause) })
    const frame = resizeFrame(new Uint8Array(data), sourceSize.width, sourceSize.height, width, height)
    if (options.onFrame) await options.onFrame(frame)
    else pixels.push(frame)
    const delay = metadata.delay?.[t] ?? slowDelay
    const duration = (delay < leastDelay ? slowDelay : delay) / 1000
    timestamps.push(time / 1000)
    time += duration * 1000
    durations.push(duration)
    options.onProgress?.(t + 1, count)
  }
  return { kind: 'gif', frames: { width, height, pixels }, timing: { timestamps, durations }, sourceSize, notes: [] }
}
