import type { FloatImage } from '../../src/media/image.js'

/**
 * A red disc and a blue square on a ground that is shaded from grey to beige, faintly textured, in whole 255ths; and
 * where each is.
 */
export function twoObjects(height: number, width: number) {
  const [x0, y0, radius] = [0.35 * width, 0.45 * height, 0.2 * height]
  const n = height * width
  const map = (inside: (x: number, y: number) => boolean): FloatImage => ({
    height,
    width,
    channels: 1,
    data: Float32Array.from({ length: n }, (_, i) => (inside(i % width, Math.floor(i / width)) ? 1 : 0)),
  })
  const disc = map((x, y) => Math.hypot(x - x0, y - y0) < radius)
  const square = map((x, y) => x > 0.7 * width && x < 0.9 * width && y > 0.55 * height && y < 0.85 * height)
  const [red, blue] = [
    [0.8, 0.15, 0.12],
    [0.15, 0.2, 0.75],
  ]
  const data = Float32Array.from({ length: 3 * n }, (_, at) => {
    const [i, c] = [at % n, Math.floor(at / n)]
    const texture = 0.02 * Math.sin(2.1 * (i % width)) * Math.cos(1.7 * Math.floor(i / width))
    const ground = 0.55 + [0.12, 0.05, -0.05][c]! * (i / n)
    return Math.round(255 * (texture + (disc.data[i] ? red[c]! : square.data[i] ? blue[c]! : ground))) / 255
  })
  const photo: FloatImage = { height, width, channels: 3, data }
  return { photo, disc: { map: disc, x: x0, y: y0, radius }, square }
}
