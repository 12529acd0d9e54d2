import { createTrainer } from '../../src/method/trainer.js'
import type { Runtime } from '../../src/engine/runtime.js'
import type { FloatImage } from '../../src/media/image.js'
import type { FileSource } from '../../src/models/fileSource.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import { resolveSettings } from '../../src/options/resolveSettings.js'

export type Losses = Readonly<Record<string, number>>

/**
 * The losses of the first two steps of a small run of the whole method with the starter model: internal examples, the whole
 * picture in step 0, every loss, the optimizer. Runs wherever the core runs.
 */
export async function twoSteps(runtime: Runtime, source: FileSource): Promise<Losses[]> {
  const guidance = await loadGuidance(source, runtime, { positions: 'fixed' })
  const settings = resolveSettings([{ preset: 'reference', prompt: ['golden teapot'], region: ['teapot'], views: 2, generatorWidth: 8, steps: 2, seed: 7 }], () => 0)
  const trainer = await createTrainer({
    runtime, guidance, settings, photo: drawnPhoto(208, 192),
    texts: { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: settings.region },
  })
  const losses: Losses[] = []
  for (let step = 0; step < 2; step++) losses.push((await trainer.train()).losses)
  await trainer.dispose()
  return losses
}

/** A ball on a shaded table. */
function drawnPhoto(width: number, height: number): FloatImage {
  const data = new Float32Array(3 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / width - 0.45, y / height - 0.55]
      const inside = Math.hypot(u, v) < 0.28
      const light = inside ? 0.85 - 1.2 * Math.hypot(u + 0.08, v + 0.1) : 0.35 + 0.3 * v + 0.1 * Math.sin(30 * u)
      for (let c = 0; c < 3; c++) data[(c * height + y) * width + x] = Math.min(Math.max(light * (inside ? [1, 0.5, 0.3][c]! : [0.7, 0.8, 1][c]!), 0), 1)
    }
  }
  return { width, height, channels: 3, data }
}
