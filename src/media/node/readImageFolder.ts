import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import type { Clip, ReadClipOptions } from '../clip.js'
import { checkClipMemory, clipSize } from '../clipSize.js'
import { FrameCollector, overBlack } from '../frameCollector.js'
import { quantise } from '../quantise.js'
import { resizeFrame, toFrame } from '../resizeFrame.js'
import { decodeImage, readHeader } from './readImage.js'

const endings = new Set(['.jpg', '.jpeg', '.png', '.webp', '.avif', '.tif', '.tiff'])

/**
 * Reads a folder of images as a clip: sorted by name, numbers in names by their value; other files are ignored. Each
 * image upright and in sRGB; what is transparent, over black.
 *
 * @throws Text2LiveError CLIP_NOT_VIDEO (no images), CLIP_SIZES_DIFFER, CLIP_TOO_LARGE, INTERRUPTED; INPUT_* as for a
 *   photo, for an image that cannot be read
 */
export async function readImageFolder(folder: string, options: ReadClipOptions = {}): Promise<Clip> {
  const all = await imageFiles(folder)
  const files = all.slice(0, options.frames)
  const first = await readHeader(join(folder, files[0]!))
  const sourceSize = { width: first.width, height: first.height }
  const { width, height } = clipSize(first.width, first.height, options.size)
  checkClipMemory(`"${folder}"`, options.onFrame ? 1 : files.length, sourceSize, { width, height })
  const collector = new FrameCollector(options)
  for (const [t, file] of files.entries()) {
    if (options.signal?.aborted)
      throw new Text2LiveError(
        'INTERRUPTED',
        `Stopped while "${folder}" was read, after ${t} frames. Nothing was written.`,
      )
    const header = await readHeader(join(folder, file))
    if (header.width !== first.width || header.height !== first.height) {
      throw new Text2LiveError(
        'CLIP_SIZES_DIFFER',
        `Expected all images of "${folder}" in one size, but "${files[0]!}" is ${first.width}x${first.height} and "${file}" is ` +
          `${header.width}x${header.height}. Take out what does not belong to the clip, or resize it.`,
      )
    }
    const { rgb, alpha } = await decodeImage(header)
    const cut = alpha?.data.some((value) => value < 1) === true
    if (!cut) {
      await collector.add(toFrame(rgb, width, height), null)
    } else {
      const size = [first.width, first.height, width, height] as const
      const stored = overBlack({
        width: first.width,
        height: first.height,
        pixels: quantise(rgb, 8).data as Uint8Array,
        alpha: quantise(alpha, 8).data as Uint8Array,
      })
      await collector.add(
        resizeFrame(stored.pixels, ...size),
        stored.alpha === null ? null : resizeFrame(stored.alpha, ...size, 1),
      )
    }
    options.onProgress?.(t + 1, files.length)
  }
  const rate = options.frameRate ?? 24
  const { notes, ...transparency } = collector.transparency(`"${folder}"`)
  return {
    kind: 'folder',
    frames: { width, height, pixels: collector.pixels },
    ...transparency,
    sourceSize,
    frameNames: files.map(stem),
    folderNames: all.map(stem),
    timing: { timestamps: files.map((_, t) => t / rate), durations: files.map(() => 1 / rate) },
    notes: [
      ...(options.frameRate === undefined
        ? [`A folder of images says nothing of time: "${folder}" is taken as ${rate} frames per second.`]
        : []),
      ...notes,
    ],
  }
}

const stem = (file: string): string => file.slice(0, -extname(file).length)

/** Names of the images in a folder, sorted. */
async function imageFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const files = entries
    .filter(
      (entry) => !entry.isDirectory() && !entry.name.startsWith('.') && endings.has(extname(entry.name).toLowerCase()),
    )
    .map(({ name }) => name)
  if (files.length === 0) {
    throw new Text2LiveError(
      'CLIP_NOT_VIDEO',
      `Expected images (JPEG, PNG, WebP, AVIF or TIFF) in the folder "${folder}", but it has none. Name the folder that holds the frames.`,
    )
  }
  const order = new Intl.Collator('en', { numeric: true })
  files.sort((a, b) => order.compare(a, b) || (a < b ? -1 : 1))
  const seen = new Map<string, string>()
  for (const file of files) {
    const other = seen.get(stem(file))
    if (other !== undefined) {
      throw new Text2LiveError(
        'CLIP_NOT_VIDEO',
        `Expected one image for each frame, but "${folder}" has both "${other}" and "${file}". Take out those that do not belong to the clip.`,
      )
    }
    seen.set(stem(file), file)
  }
  return files
}
