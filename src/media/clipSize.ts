import { Text2LiveError } from '../errors.js'
import type { ReadClipOptions } from './clip.js'

/** Bytes of all frames in memory. */
const maxBytes = 2 * 1024 ** 3
const maxFramePixels = 100_000_000

/** Size that the frames of a clip get: see `ReadClipOptions.size`. */
export function clipSize(
  width: number,
  height: number,
  short: number | undefined,
): { readonly width: number; readonly height: number } {
  if (short === undefined || short >= Math.min(width, height)) return { width, height }
  const long = 2 * Math.max(1, Math.round((Math.max(width, height) * short) / Math.min(width, height) / 2))
  return width < height ? { width: short, height: long } : { width: long, height: short }
}

/**
 * @throws Text2LiveError OPTION_INVALID for `frames`, `size` or `frameRate` that are no numbers to go by
 */
export function checkReadOptions({ frames, size, frameRate }: ReadClipOptions): void {
  for (const [name, value, least] of [
    ['frames', frames, 1],
    ['size', size, 32],
  ] as const) {
    if (value !== undefined && !(Number.isInteger(value) && value >= least)) {
      throw new Text2LiveError(
        'OPTION_INVALID',
        `readClip expected ${name} as a whole number of at least ${least}, got ${value}. Give another, or leave it out.`,
      )
    }
  }
  if (frameRate !== undefined && !(frameRate > 0 && frameRate <= 1000)) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `readClip expected frameRate above 0 and at most 1000 frames per second, got ${frameRate}. Give another, or leave it out.`,
    )
  }
}

/**
 * Before anything is decoded: do the frames fit into memory?
 *
 * @param source size of a frame in the file
 * @param target size of a frame that is kept
 * @throws Text2LiveError CLIP_TOO_LARGE
 */
export function checkClipMemory(
  name: string,
  frames: number,
  source: { readonly width: number; readonly height: number },
  target: { readonly width: number; readonly height: number },
): void {
  if (source.width * source.height > maxFramePixels) {
    throw new Text2LiveError(
      'CLIP_TOO_LARGE',
      `${name} has frames of ${source.width}x${source.height}; at most ${maxFramePixels / 1e6} megapixels can be read. Make the clip smaller.`,
    )
  }
  const bytes = 3 * target.width * target.height * frames
  if (bytes > maxBytes) {
    throw new Text2LiveError(
      'CLIP_TOO_LARGE',
      `${name} has ${frames} frames, at ${target.width}x${target.height} that is ${(bytes / 1024 ** 3).toFixed(1)} GiB in memory; ` +
        `at most ${maxBytes / 1024 ** 3} GiB fit. Take fewer frames, or a smaller size.`,
    )
  }
}
