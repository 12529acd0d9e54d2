import type { Runtime } from '../../src/engine/runtime.js'
import type { FloatImage } from '../../src/media/image.js'
import { createTrainer } from '../../src/method/trainer.js'
import { createClip } from '../../src/models/clip.js'
import { parseClipConfig } from '../../src/models/clipConfig.js'
import { clipTextShapes, clipVisionShapes } from '../../src/models/clipWeights.js'
import type { FileSource } from '../../src/models/fileSource.js'
import type { GuidanceModel } from '../../src/models/guidance.js'
import { loadOutline } from '../../src/models/outline.js'
import { openWeightFile, readJson } from '../../src/models/weightFile.js'
import type { GivenOptions } from '../../src/options/imageOptions.js'
import { resolveSettings } from '../../src/options/resolveSettings.js'

export type Losses = Readonly<Record<string, number>>

/**
 * The losses of the first two steps of a small run of the whole method: internal examples, the whole picture in step 0,
 * every loss, the optimizer. Runs wherever the core runs.
 */
export async function twoSteps(
  runtime: Runtime,
  guidance: GuidanceModel,
  outline: FileSource,
  options: GivenOptions,
): Promise<Losses[]> {
  const settings = resolveSettings(
    [{ prompt: ['golden teapot'], region: ['teapot'], views: 2, generatorWidth: 8, steps: 2, seed: 7, ...options }],
    () => 0,
  )
  const trainer = await createTrainer({
    runtime,
    guidance: [guidance],
    settings,
    photo: drawnPhoto(208, 192),
    outline: await loadOutline(outline),
    texts: { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: settings.region },
  })
  const losses: Losses[] = []
  for (let step = 0; step < 2; step++) losses.push((await trainer.train()).losses)
  await trainer.dispose()
  return losses
}

/**
 * The small CLIP with random weights in `test/fixtures/tinyClip`. It has no tokenizer of its own: a letter is a token.
 */
export async function tinyClip(source: FileSource, runtime: Runtime): Promise<GuidanceModel> {
  const config = parseClipConfig(await readJson(source, 'config.json'))
  const weights = await openWeightFile(
    source,
    'model.safetensors',
    new Map([...clipVisionShapes(config), ...clipTextShapes(config)]),
  )
  const { max_position_embeddings: length, vocab_size: words } = config.text_config
  const [begin, end] = [words - 2, words - 1]
  return await createClip({
    config,
    runtime,
    positions: 'fixed',
    read: (names) => weights.weights(names),
    tokenize: (text) => ({
      ids: [begin, ...Array.from(text.slice(0, length - 2), (letter) => letter.charCodeAt(0) % begin), end],
    }),
  })
}

/** What is allowed between two machines, relative to a loss, or to 0.1 where it is smaller. */
export interface LossTolerance {
  readonly first: number
  /**
   * After an update. MADGRAD's first step goes with the cube root of the gradient, so that where the gradient nearly
   * vanishes its rounding shows: with the starter model, ONNX Runtime's choice of kernels alone moves losses by a
   * hundredth.
   */
  readonly updated: number
}

/** Every loss of both runs, compared; one line per difference. */
export function differingLosses(
  losses: readonly Losses[],
  expected: readonly Losses[],
  tolerance: LossTolerance,
): string[] {
  if (losses.length !== expected.length) return [`${losses.length} steps, expected ${expected.length}`]
  return expected.flatMap((step, k) =>
    Object.entries(step).flatMap(([name, wanted]) => {
      const value = losses[k]![name] ?? NaN
      const allowed = (k === 0 ? tolerance.first : tolerance.updated) * Math.max(Math.abs(wanted), 0.1)
      return Math.abs(value - wanted) <= allowed ? [] : [`${name} of step ${k}: ${value}, expected ${wanted}`]
    }),
  )
}

/** A ball on a shaded table. */
export function drawnPhoto(width: number, height: number): FloatImage {
  const data = new Float32Array(3 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / width - 0.45, y / height - 0.55]
      const inside = Math.hypot(u, v) < 0.28
      const light = inside ? 0.85 - 1.2 * Math.hypot(u + 0.08, v + 0.1) : 0.35 + 0.3 * v + 0.1 * Math.sin(30 * u)
      for (let c = 0; c < 3; c++)
        data[(c * height + y) * width + x] = Math.min(
          Math.max(light * (inside ? [1, 0.5, 0.3][c]! : [0.7, 0.8, 1][c]!), 0),
          1,
        )
    }
  }
  return { width, height, channels: 3, data }
}
