import { fileURLToPath } from 'node:url'
import { smallClipConfig } from './smallClipConfig.js'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { type Trainer, type TrainerOptions, createTrainer } from '../../src/method/trainer.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { loadOutline } from '../../src/models/outline.js'
import { randomClip } from '../../src/models/randomClip.js'
import type { GivenOptions, ImageSettings } from '../../src/options/imageOptions.js'
import { resolveSettings } from '../../src/options/resolveSettings.js'
import { sharePrograms } from './sharePrograms.js'
import { twoObjects } from './twoObjects.js'

/** One level is enough for a step; the smallest side stays that of the published seven. */
export const generator = { width: 4, skipWidth: 2, levels: 1 }
export const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
/** Compiling takes most of the time here: trainers with the same graphs share them, but where a test says otherwise. */
export const sharing = sharePrograms(runtime)
export const { photo, disc } = twoObjects(132, 140)
/** One size, so that a trainer compiles one graph. */
export const oneSize = { scaleMin: 1, scaleMax: 1, cropsMinCover: 1, wholeImageEvery: 0 } as const
export const oneStep = { ...oneSize, preset: 'fast', relevancy: 'model', sparsityMap: 0 } as const

export const smallClip = (vision: Record<string, unknown> = {}, seed = 0) =>
  randomClip(smallClipConfig({ vision }), runtime, { seed })
export const guidance = await smallClip()
const outline = await loadOutline(await folderSource(fileURLToPath(new URL('../../models/outline', import.meta.url))))

export const settingsOf = (given: GivenOptions) =>
  resolveSettings(
    [{ prompt: ['golden disc'], source: ['disc'], region: ['disc'], seed: 11, views: 2, steps: 2, ...given }],
    () => 0,
  )

/** A trainer on a photo of two objects, small enough for a test. */
export async function withTrainer<T>(
  given: GivenOptions,
  more: Partial<TrainerOptions>,
  use: (trainer: Trainer, settings: ImageSettings) => Promise<T>,
): Promise<T> {
  const settings = settingsOf(given)
  const { prompt, screen, source, region } = settings
  const trainer = await createTrainer({
    runtime: sharing,
    guidance: [guidance],
    photo,
    settings,
    texts: { prompt, screen, source, region },
    outline,
    generator,
    ...more,
  })
  try {
    return await use(trainer, settings)
  } finally {
    await trainer.dispose()
  }
}

/** The same memory, to be compared bit for bit. */
export function bytes(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
