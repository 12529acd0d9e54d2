import { Text2LiveError } from '../errors.js'
import type { ClipFrames } from './clipFrames.js'
import { thumbnail, unexplained, type Thumbnail } from './frameDifference.js'

/** Training takes frames t - 2, t and t + 2 (supplement 3.1). */
const fewestFrames = 5

/** Measured: motion leaves .07 to .29 unexplained at 24 frames per second, .45 at 5; cuts .48 to .75. */
const cutLevel = 0.4
const cutRatio = 1.7
/** Of 255. Noise of a sensor or an encoder stays below, in pictures this small. */
const stillLevel = 6

/**
 * Is this a clip to make layers of? It has five frames or more, something moves, and it is one shot.
 *
 * @param name of the clip in messages
 * @throws Text2LiveError CLIP_TOO_SHORT, CLIP_STILL, CLIP_CUT
 */
export function checkClip(frames: ClipFrames, name = 'The clip'): void {
  const count = frames.pixels.length
  if (count < fewestFrames) {
    throw new Text2LiveError(
      'CLIP_TOO_SHORT',
      `Expected at least ${fewestFrames} frames, but ${name} has ${count === 1 ? 'one' : count}. ` +
        `${count === 1 ? 'Edit a single picture as a photo (text2live image), or give' : 'Give'} a longer clip.`,
    )
  }
  const small = frames.pixels.map((_, t) => thumbnail(frames, t))
  if (isStill(small)) {
    throw new Text2LiveError(
      'CLIP_STILL',
      `Expected something to move, but all ${count} frames of ${name} show the same picture. Edit one of them as a photo (text2live image), or give a clip with motion.`,
    )
  }
  const cut = findCut(small)
  if (cut !== null) {
    throw new Text2LiveError(
      'CLIP_CUT',
      `Expected one shot, but ${name} has a cut between its frames ${cut - 1} and ${cut} (counted from 0). Give the shots as clips of their own, or read only the first ${cut} frames.`,
    )
  }
}

/** Does no frame differ from the first in more than half a percent of its pixels? */
function isStill(small: readonly Thumbnail[]): boolean {
  const [first, ...others] = small
  return others.every((other) => {
    const differences = new Float32Array(first!.width * first!.height)
    for (let i = 0; i < first!.data.length; i++) {
      const at = Math.floor(i / 3)
      differences[at] = Math.max(differences[at]!, Math.abs(other.data[i]! - first!.data[i]!))
    }
    differences.sort()
    return differences[Math.floor(0.995 * (differences.length - 1))]! < stillLevel
  })
}

/**
 * The first frame of the second shot. A cut is a step that motion does not explain, that stands out of the steps around
 * it (fast motion lasts), and that the frames to both sides of it show too (a flash passes).
 */
function findCut(small: readonly Thumbnail[]): number | null {
  const change = (a: number, b: number) =>
    a < 0 || b >= small.length
      ? Infinity
      : Math.min(unexplained(small[a]!, small[b]!), unexplained(small[b]!, small[a]!))
  const steps = small.slice(1).map((_, t) => change(t, t + 1))
  for (const [t, step] of steps.entries()) {
    if (step < cutLevel) continue
    const around = [...steps.slice(Math.max(0, t - 4), t), ...steps.slice(t + 1, t + 5)].sort((a, b) => a - b)
    const median = around[Math.floor((around.length - 1) / 2)]!
    if (step > cutRatio * median && change(t - 1, t + 1) > cutLevel && change(t, t + 2) > cutLevel) return t + 1
  }
  return null
}
