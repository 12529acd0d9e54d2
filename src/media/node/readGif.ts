import { Text2LiveError } from '../../errors.js'
import type { Clip, ReadClipOptions } from '../clip.js'
import { checkClipMemory, clipSize } from '../clipSize.js'
import { FrameCollector, overBlack } from '../frameCollector.js'
import { resizeFrame } from '../resizeFrame.js'
import { sharp } from './sharp.js'

/** Viewers show a frame that asks for less than this so long as `slowDelay`, ms. */
const leastDelay = 20
const slowDelay = 100

/**
 * Reads an animated GIF, each frame whole (what it leaves of the one before is drawn), over black where it is
 * transparent.
 *
 * @throws Text2LiveError CLIP_TRUNCATED, CLIP_TOO_LARGE, INTERRUPTED
 */
export async function readGif(path: string, options: ReadClipOptions = {}): Promise<Clip> {
  const name = `"${path}"`
  const damaged = (cause: unknown) =>
    new Text2LiveError(
      'CLIP_TRUNCATED',
      `Expected a whole GIF, but ${name} is cut short or damaged (${(cause instanceof Error ? cause.message : String(cause)).split('\n')[0]}). Copy or export it again.`,
      { cause },
    )
  const metadata = await sharp(path, { pages: -1, limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw damaged(cause)
    })
  const count = Math.min(options.frames ?? Infinity, metadata.pages ?? 1)
  const sourceSize = { width: metadata.width, height: metadata.pageHeight ?? metadata.height }
  const { width, height } = clipSize(sourceSize.width, sourceSize.height, options.size)
  checkClipMemory(name, options.onFrame ? 1 : count, sourceSize, { width, height })
  const collector = new FrameCollector(options)
  const durations: number[] = []
  const timestamps: number[] = []
  let time = 0
  for (let t = 0; t < count; t++) {
    if (options.signal?.aborted)
      throw new Text2LiveError('INTERRUPTED', `Stopped while ${name} was read, after ${t} frames. Nothing was written.`)
    const data = new Uint8Array(
      await sharp(path, { page: t, pages: 1, failOn: 'error', limitInputPixels: false })
        .toColourspace('srgb')
        .ensureAlpha()
        .raw()
        .toBuffer()
        .catch((cause: unknown) => {
          throw damaged(cause)
        }),
    )
    const size = [sourceSize.width, sourceSize.height, width, height] as const
    const stored = overBlack({
      ...sourceSize,
      pixels: data.filter((_, i) => i % 4 < 3),
      alpha: data.filter((_, i) => i % 4 === 3),
    })
    await collector.add(
      resizeFrame(stored.pixels, ...size),
      stored.alpha === null ? null : resizeFrame(stored.alpha, ...size, 1),
    )
    const delay = metadata.delay?.[t] ?? slowDelay
    const duration = (delay < leastDelay ? slowDelay : delay) / 1000
    timestamps.push(time / 1000)
    time += duration * 1000
    durations.push(duration)
    options.onProgress?.(t + 1, count)
  }
  return {
    kind: 'gif',
    frames: { width, height, pixels: collector.pixels },
    timing: { timestamps, durations },
    sourceSize,
    ...collector.transparency(name),
  }
}
