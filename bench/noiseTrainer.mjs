// The trainer that the benchmarks of a step measure: as a run makes it, on a photo of noise.
import { randomStream } from '../dist/engine/random.js'
import { createTrainer } from '../dist/method/trainer.js'
import { bundledSource } from '../dist/models/node/bundled.js'
import { loadOutline } from '../dist/models/outline.js'
import { randomClip } from '../dist/models/randomClip.js'
import { resolveSettings } from '../dist/options/resolveSettings.js'
import { openGuidance } from '../dist/run/buildTrainer.js'

/**
 * A trainer, the seconds that it took to make and, as it goes on, those of each graph that it compiled.
 * @param {{ guidance: 'starter' | 'clip', preset: string, size: number, views: number, steps: number, threads: number,
 *   bootstrap: boolean, models?: number, geometry?: Record<string, unknown>, options?: Record<string, unknown>,
 *   precision?: 'float32' | 'int8' }} request
 *   guidance `clip`: random weights, of ViT-B/32 where no `geometry` is given; step 0 comes besides `steps`; `models`:
 *   how many of the guidance judge at once; `options` over those of the preset
 * @param {import('../dist/engine/runtime.js').Runtime} runtime
 */
export async function noiseTrainer(
  {
    guidance: kind,
    preset,
    size,
    views,
    steps,
    threads,
    bootstrap,
    models = 1,
    geometry = {},
    options = {},
    precision = 'float32',
  },
  runtime,
) {
  const settings = resolveSettings(
    [
      {
        preset,
        size,
        views,
        steps: steps + 1,
        threads,
        seed: 1,
        device: runtime.device,
        prompt: 'golden teapot',
        source: 'teapot',
        ...(bootstrap ? { region: 'teapot' } : {}),
        ...options,
      },
    ],
    () => 1,
  )
  const guidance =
    kind === 'starter'
      ? (await openGuidance({ ...settings, guidance: Array(models).fill('starter') }, runtime)).map(unlike)
      : await Promise.all(
          Array.from({ length: models }, (_, seed) =>
            randomClip(geometry, runtime, { seed, positions: settings.positionEmbedding, precision }),
          ),
        )
  const noise = randomStream(1, 'photo')
  const photo = {
    width: size,
    height: size,
    channels: 3,
    data: Float32Array.from({ length: 3 * size * size }, () => Math.round(noise.uniform(0, 1) * 255) / 255),
  }
  const compiles = []
  const opening = performance.now()
  const trainer = await createTrainer({
    runtime,
    guidance,
    photo,
    settings,
    outline: await loadOutline(await bundledSource('outline')),
    texts: { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: settings.region },
    notice: (notice) => {
      if (notice.type === 'compile') compiles.push(notice.seconds)
    },
  })
  return { trainer, compiles, openSeconds: (performance.now() - opening) / 1000 }
}

/** Equal models would be computed once: the graph shares what is equal. */
function unlike(model, i) {
  if (i === 0) return model
  const scaled = ({ shape, data }) => ({ shape, data: data.map((x) => x * (1 + i / 1000)) })
  return { ...model, weights: new Map([...model.weights].map(([name, weight]) => [name, scaled(weight)])) }
}
