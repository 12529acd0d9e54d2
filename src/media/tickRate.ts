import type { ClipTiming } from './clip.js'

const most = 100_000

/**
 * The fewest ticks per second in which all times of a clip are whole numbers, as containers count time: 24 for 24
 * frames per second, 24000 for 24000/1001, 1000 for milliseconds. Where up to 100,000 ticks do not suffice: 90,000, so
 * that times are off by 6 microseconds at most.
 */
export function tickRate({ timestamps, durations }: ClipTiming): number {
  const times = [...timestamps, ...durations]
  for (let rate = 1; rate <= most; rate++) {
    if (times.every((time) => Math.abs(time * rate - Math.round(time * rate)) < 1e-4)) return rate
  }
  return 90_000
}

/**
 * Frames per second of a clip whose frames are all shown equally long, one after the other from a multiple of that;
 * null for others.
 */
export function steadyRate({ timestamps, durations }: ClipTiming): number | null {
  const [duration = 0] = durations
  if (!(duration > 0)) return null
  const steady = timestamps.every(
    (time, t) => Math.abs(durations[t]! - duration) < 1e-6 && Math.abs(time - timestamps[0]! - t * duration) < 1e-6,
  )
  const grid = timestamps[0]! / duration
  return steady && Math.abs(grid - Math.round(grid)) < 1e-4 ? 1 / duration : null
}
