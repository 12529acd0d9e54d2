import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { AtlasWeights } from './atlasNetworks.js'
import { NetworkEvaluator } from './networkEvaluator.js'
import { opacityOf } from './neuralAtlas.js'
import type { PublishedAtlasConfig } from './publishedAtlasConfig.js'

export interface FittedFrameCountOptions {
  readonly runtime: Runtime
  readonly config: PublishedAtlasConfig
  readonly weights: AtlasWeights
  readonly frames: ClipFrames
}

/** Pixels that are compared, over all frames. */
const SAMPLES = 8192

/**
 * How many frames a published atlas was fitted to, which decides what its networks take for time. The checkpoint does
 * not say; the config says the most that were taken, and the published code then takes as many as the clip has. A
 * shorter clip is either that clip or the first part of it, and the colours tell: the count that reconstructs the clip
 * better is right.
 *
 * @throws ATLAS_MISMATCH when the atlas was fitted to the longer clip
 */
export async function fittedFrameCount({ runtime, config, weights, frames }: FittedFrameCountOptions): Promise<number> {
  const given = frames.pixels.length
  const most = config.maximumFrames
  if (given === most) return given
  const [whole, part] = [await squaredError(given), await squaredError(most)]
  if (whole <= part) return given
  const decibel = (error: number) => (-10 * Math.log10(error)).toFixed(1)
  throw new Text2LiveError(
    'ATLAS_MISMATCH',
    `Expected a clip of ${most} frames, as many as the atlas was fitted to; it has ${given}. (Read as ${most} frames the atlas gives its colours ` +
      `with ${decibel(part)} dB, as ${given} with ${decibel(whole)} dB.) Give the whole clip.`,
  )

  async function squaredError(count: number): Promise<number> {
    const { width, height } = frames
    const half = Math.max(width, height) / 2
    const at = (i: number) => {
      const t = i % given
      // Spread evenly over the frame by an irrational step.
      const pixel = Math.floor(((i * 0.6180339887498949) % 1) * width * height)
      return { t, pixel, x: pixel % width, y: Math.floor(pixel / width) }
    }
    const points = (out: Float32Array, from: number, to: number) => {
      for (let i = from, k = 0; i < to; i++) {
        const { t, x, y } = at(i)
        out[k++] = x / half - 1
        out[k++] = y / half - 1
        out[k++] = t / (count / 2) - 1
      }
    }
    const run = async (name: keyof AtlasWeights, write: typeof points, n: number) => {
      const evaluator = new NetworkEvaluator(runtime, config.shapes[name], weights[name], 8192)
      try {
        return await evaluator.evaluate(n, write)
      } finally {
        await evaluator.dispose()
      }
    }
    const mapped = [await run('foreground', points, SAMPLES), await run('background', points, SAMPLES)] as const
    const opacity = await run('opacity', points, SAMPLES)
    const colours = await run(
      'atlas',
      (out, from, to) => {
        for (let i = from, k = 0; i < to; i++) {
          const layer = i < SAMPLES ? 0 : 1
          for (let axis = 0; axis < 2; axis++)
            out[k++] = 0.5 * mapped[layer][2 * (i - layer * SAMPLES) + axis]! + (layer === 0 ? 0.5 : -0.5)
        }
      },
      2 * SAMPLES,
    )
    let sum = 0
    for (let i = 0; i < SAMPLES; i++) {
      const { t, pixel } = at(i)
      const a = opacityOf(opacity[i]!)
      for (let c = 0; c < 3; c++) {
        const colour = 0.5 * (a * colours[3 * i + c]! + (1 - a) * colours[3 * (SAMPLES + i) + c]! + 1)
        sum += (colour - frames.pixels[t]![3 * pixel + c]! / 255) ** 2
      }
    }
    return sum / (3 * SAMPLES)
  }
}
