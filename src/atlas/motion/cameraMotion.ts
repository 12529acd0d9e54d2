import type { RandomStream } from '../../engine/random.js'
import { FLOW_PIXEL, type Flow } from '../clipFlow.js'

/**
 * A homography, row by row: (x, y) goes to ((h0 x + h1 y + h2) / w, (h3 x + h4 y + h5) / w), w = h6 x + h7 y + 1. Pixel
 * centres at whole numbers.
 */
export type Homography = readonly [number, number, number, number, number, number, number, number]

/** Draws of four points; a camera that half of the picture follows is found almost surely. */
const DRAWS = 200
/** Distance between the points that vote, px at least, and how many there are at most along the longer side. */
const GRID = 64
/** A point further than this share of the longer side from where the camera takes it does not follow it. */
const TOLERANCE = 1 / 768
/** Points in the outer fifth of the picture count this much more: what fills the middle may well be the object. */
const RIM_WEIGHT = 2

/**
 * How the camera moves the background from one frame to another: the homography that most of the picture follows
 * (RANSAC on the flow, then least squares with robust weights). It is the exact motion of a distant or a flat
 * background, or of a turning camera; other backgrounds leave a residual.
 *
 * @param random draws the points
 */
export function cameraMotion({ data, valid }: Flow, width: number, height: number, random: RandomStream): Homography {
  const size = width * height
  const step = Math.max(1, Math.max(width, height) / GRID)
  const points: Point[] = []
  for (let y = step / 2; y < height; y += step) {
    for (let x = step / 2; x < width; x += step) {
      const [px, py] = [Math.floor(x), Math.floor(y)]
      const i = py * width + px
      const rim = Math.min(px / width, 1 - px / width, py / height, 1 - py / height) < 0.2
      if (valid[i] === 1)
        points.push({
          x: px,
          y: py,
          u: px + data[i]! / FLOW_PIXEL,
          v: py + data[size + i]! / FLOW_PIXEL,
          weight: rim ? RIM_WEIGHT : 1,
        })
    }
  }
  // Coordinates about [-1, 1] keep the equations well conditioned.
  const half = Math.max(width, height) / 2
  const scaled = points.map(({ x, y, u, v, weight }) => ({
    x: x / half - 1,
    y: y / half - 1,
    u: u / half - 1,
    v: v / half - 1,
    weight,
  }))
  if (scaled.length < 8) return [1, 0, 0, 0, 1, 0, 0, 0]
  const tolerance = Math.max(0.7 / half, 2 * TOLERANCE)
  let best: Homography = [1, 0, 0, 0, 1, 0, 0, 0]
  let most = 0
  const consider = (h: Homography | null) => {
    if (!h) return
    let score = 0
    for (const point of scaled) score += point.weight * Math.max(0, 1 - (missed(h, point) / tolerance) ** 2)
    if (score > most) [best, most] = [h, score]
  }
  consider(best)
  for (let draw = 0; draw < DRAWS; draw++)
    consider(fitHomography([0, 1, 2, 3].map(() => scaled[random.integer(0, scaled.length)]!)))
  for (const reach of [3, 2, 2, 2]) {
    const near = scaled.map((point) => ({
      ...point,
      weight: point.weight * Math.max(0, 1 - (missed(best, point) / (reach * tolerance)) ** 2) ** 2,
    }))
    consider(fitHomography(near.filter(({ weight }) => weight > 0)))
  }
  return unscaled(best, half)
}

/** Where a homography takes a point. */
export function project(h: Homography, x: number, y: number): [number, number] {
  const w = h[6] * x + h[7] * y + 1
  return [(h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w]
}

interface Point {
  readonly x: number
  readonly y: number
  readonly u: number
  readonly v: number
  readonly weight: number
}

function missed(h: Homography, { x, y, u, v }: Point): number {
  const [px, py] = project(h, x, y)
  return Math.hypot(px - u, py - v)
}

/**
 * Least squares of the equations that are linear in h; null when the points do not determine it or turn the picture
 * inside out.
 */
function fitHomography(points: readonly Point[]): Homography | null {
  const normal = new Float64Array(8 * 9)
  const add = (row: readonly number[], weight: number) => {
    for (let i = 0; i < 8; i++) for (let j = 0; j < 9; j++) normal[9 * i + j]! += weight * row[i]! * row[j]!
  }
  for (const { x, y, u, v, weight } of points) {
    add([x, y, 1, 0, 0, 0, -u * x, -u * y, u], weight)
    add([0, 0, 0, x, y, 1, -v * x, -v * y, v], weight)
  }
  for (let i = 0; i < 8; i++) {
    let pivot = i
    for (let r = i + 1; r < 8; r++) if (Math.abs(normal[9 * r + i]!) > Math.abs(normal[9 * pivot + i]!)) pivot = r
    if (Math.abs(normal[9 * pivot + i]!) < 1e-10) return null
    for (let c = 0; c < 9; c++) {
      const held = normal[9 * i + c]!
      normal[9 * i + c] = normal[9 * pivot + c]!
      normal[9 * pivot + c] = held
    }
    for (let r = 0; r < 8; r++) {
      if (r === i) continue
      const factor = normal[9 * r + i]! / normal[9 * i + i]!
      for (let c = i; c < 9; c++) normal[9 * r + c]! -= factor * normal[9 * i + c]!
    }
  }
  const h = Array.from({ length: 8 }, (_, i) => normal[9 * i + 8]! / normal[9 * i + i]!) as unknown as Homography
  // Over [-1, 1] the divisor must stay well above 0.
  return Math.abs(h[6]) + Math.abs(h[7]) < 0.5 && h.every(Number.isFinite) ? h : null
}

/** The homography in px, given the one in coordinates x / half - 1. */
function unscaled(h: Homography, half: number): Homography {
  // S h S^-1 with S: x -> half (x + 1).
  const s = [half, 0, half, 0, half, half, 0, 0, 1]
  const inverse = [1 / half, 0, -1, 0, 1 / half, -1, 0, 0, 1]
  const m = multiply(multiply(s, [...h, 1]), inverse)
  return m.slice(0, 8).map((value) => value / m[8]!) as unknown as Homography
}

function multiply(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, k) => {
    const [row, column] = [Math.floor(k / 3), k % 3]
    return a[3 * row]! * b[column]! + a[3 * row + 1]! * b[3 + column]! + a[3 * row + 2]! * b[6 + column]!
  })
}
