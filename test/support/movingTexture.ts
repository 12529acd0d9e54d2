import type { ClipFrames } from '../../src/media/clipFrames.js'

/** A smooth texture over the plane, RGB in [0, 1], without a period that a search could mistake. */
export function texture(x: number, y: number): [number, number, number] {
  const wave = (a: number, b: number, phase: number) => Math.sin(a * x + b * y + phase)
  const value = (k: number) =>
    0.5 +
    0.1 *
      (wave(0.31, 0.17, k) +
        wave(-0.23, 0.41, 2 * k) +
        wave(0.71, -0.53, 3 * k) +
        wave(0.11, 0.83, k / 2) +
        wave(0.057, -0.043, 5 * k))
  return [value(0.3), value(1.1), value(2.3)]
}

/** Frames of a colour given at the centre of every pixel, (x + 0.5, y + 0.5). */
export function clipOf(
  width: number,
  height: number,
  frames: number,
  colour: (x: number, y: number, t: number) => readonly [number, number, number],
): ClipFrames {
  const pixels = Array.from({ length: frames }, (_, t) => {
    const bytes = new Uint8Array(3 * width * height)
    for (let i = 0; i < width * height; i++) {
      colour((i % width) + 0.5, Math.floor(i / width) + 0.5, t).forEach((value, c) => {
        bytes[3 * i + c] = Math.round(255 * Math.min(Math.max(value, 0), 1))
      })
    }
    return bytes
  })
  return { width, height, pixels }
}
