import { type RandomStream, randomStream } from '../../engine/random.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { FloatImage } from '../../media/image.js'
import { FLOW_PIXEL, type ClipFlow, type Flow } from '../clipFlow.js'
import type { NeuralSettings } from './neuralSettings.js'
import { type PointGroup, pointGroups } from './neuralStep.js'

/** What the networks are fitted to. */
export interface FitInput {
  readonly frames: ClipFrames
  readonly flow: ClipFlow
  /** One channel per frame, of its size, [0, 1]. */
  readonly masks: readonly FloatImage[]
}

/** A pixel: column, row, frame. */
export type ClipPixel = readonly [x: number, y: number, t: number]

export type Feeds = Readonly<Record<string, Float32Array>>

/** The pixels of a step of the fit, uniform over all frames, with replacement. */
export function drawPixels(
  { width, height, pixels }: ClipFrames,
  seed: number,
  step: number,
  count: number,
): ClipPixel[] {
  const draws = randomStream(seed, 'atlas pixels', step)
  const size = width * height
  return Array.from({ length: count }, () => {
    const i = draws.integer(0, size * pixels.length)
    return [i % width, Math.floor((i % size) / width), Math.floor(i / size)] as const
  })
}

/** Inputs of `buildPretrainingStep`: pixels of frame t for each mapping. */
export function pretrainingBatch(frames: ClipFrames, seed: number, step: number, count: number): Feeds {
  const t = step % frames.pixels.length
  const pixel = (draws: RandomStream) => [draws.integer(0, frames.width), draws.integer(0, frames.height), t] as const
  return Object.fromEntries(
    (['foreground', 'background'] as const).map((name) => {
      const draws = randomStream(seed, `atlas pretraining ${name}`, step)
      const points = new Float32Array(3 * count)
      for (let i = 0; i < count; i++) writePoint(points, i, pixel(draws), frames, Math.max(frames.width, frames.height))
      return [name, points]
    }),
  )
}

/** Inputs of `buildFitStep` at these pixels. */
export function fitBatch(
  { frames, flow, masks }: FitInput,
  settings: NeuralSettings,
  pixels: readonly ClipPixel[],
  globalRigidity: boolean,
): Feeds {
  const n = pixels.length
  const { width, height } = frames
  const longer = Math.max(width, height)
  const groups = pointGroups.slice(0, globalRigidity ? undefined : -2)
  const points = new Float32Array(3 * n * groups.length)
  const put = (group: PointGroup, i: number, pixel: ClipPixel, side = longer) => {
    writePoint(points, pointGroups.indexOf(group) * n + i, pixel, frames, side)
  }
  const [colour, colourRight, colourBelow] = [new Float32Array(3 * n), new Float32Array(3 * n), new Float32Array(3 * n)]
  const [mask, forwardShare, backwardShare] = [new Float32Array(n), new Float32Array(n), new Float32Array(n)]
  const { rigidityStep: near, globalRigidityStep: far, behaviour } = settings
  const gradientSide = behaviour === 'reference' ? width : longer

  pixels.forEach((pixel, i) => {
    const [x, y, t] = pixel
    put('base', i, pixel)
    put('right', i, [x + 1, y, t], gradientSide)
    put('below', i, [x, y + 1, t], gradientSide)
    put('above', i, [x, y - near, t])
    put('left', i, [x - near, y, t])
    if (globalRigidity) {
      put('farAbove', i, [x, y - far, t])
      put('farLeft', i, [x - far, y, t])
    }
    const at = y * width + x
    const bytes = frames.pixels[t]!
    for (let c = 0; c < 3; c++) {
      const value = bytes[3 * at + c]!
      colour[3 * i + c] = value / 255
      if (x + 1 < width) colourRight[3 * i + c] = (bytes[3 * (at + 1) + c]! - value) / 255
      if (y + 1 < height) colourBelow[3 * i + c] = (bytes[3 * (at + width) + c]! - value) / 255
    }
    const covered = masks[t]!.data[at]!
    mask[i] = behaviour === 'reference' ? covered : covered > 0.5 ? 1 : 0
    // Frame t to t + 1, and frame t to t - 1.
    for (const [group, field, step, shares] of [
      ['forward', flow.forward[t], 1, forwardShare],
      ['backward', flow.backward[t - 1], -1, backwardShare],
    ] as const) {
      shares[i] = field?.valid[at] ? 1 : 0
      put(group, i, shares[i] ? moved(pixel, field!, at, step, width * height) : pixel)
    }
  })
  for (const shares of [forwardShare, backwardShare]) {
    const valid = shares.reduce((sum, x) => sum + x, 0)
    // Half the mean over the valid ones; without any the loss is 0, where the published code has the mean of nothing.
    if (valid > 0) for (let i = 0; i < n; i++) shares[i]! *= 0.5 / valid
  }
  return { points, colour, colourRight, colourBelow, mask, forwardShare, backwardShare }
}

function moved([x, y, t]: ClipPixel, { data }: Flow, at: number, step: number, size: number): ClipPixel {
  return [x + data[at]! / FLOW_PIXEL, y + data[size + at]! / FLOW_PIXEL, t + step]
}

/** Point i: positions over half of `side`, the frame over half the number of frames, all less 1. */
function writePoint(points: Float32Array, i: number, [x, y, t]: ClipPixel, { pixels }: ClipFrames, side: number): void {
  points[3 * i] = x / (side / 2) - 1
  points[3 * i + 1] = y / (side / 2) - 1
  points[3 * i + 2] = t / (pixels.length / 2) - 1
}
