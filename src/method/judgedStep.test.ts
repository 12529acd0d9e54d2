import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { drawnPhoto, tinyClip } from '../../test/support/twoSteps.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import type { Runtime } from '../engine/runtime.js'
import { crop } from '../media/crop.js'
import { generatorOf } from '../models/generator.js'
import { withDistinctNames } from '../models/guidance.js'
import { loadGuidance } from '../models/loadGuidance.js'
import { folderSource } from '../models/node/folderSource.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { drawStepShares, drawStepViews } from './stepDraws.js'
import { type StepRequest, StepRunner } from './stepRunner.js'
import { embedTexts } from './textTargets.js'

const cpu = createNodeRuntime({ device: 'cpu', threads: 2 })
const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))

describe('a step in three graphs', () => {
  it('is the step in one: of several models, of two pictures, with every loss', async () => {
    const guidance = withDistinctNames([
      await tinyClip(await folderSource(folder('../../test/fixtures/tinyClip')), cpu),
      await loadGuidance(await folderSource(folder('../../models/starter')), cpu),
    ])
    const settings = resolveSettings(
      [{ preset: 'reference', prompt: ['gold'], region: ['cup'], views: 2, generatorWidth: 8, seed: 3 }],
      () => 0,
    )
    const texts = { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: ['cup'] }
    const targets = await Promise.all(guidance.map((model) => embedTexts(model, texts, false)))
    const photo = drawnPhoto(208, 192)
    const example = crop(photo, 5, 3, 197, 171)
    const request: StepRequest = {
      items: [example, photo].map((picture, i) => ({
        picture,
        views: drawStepViews(settings, guidance, `picture ${i}`, 0, picture),
        mask: { ...picture, channels: 1, data: picture.data.slice(0, picture.width * picture.height) },
      })),
      shares: drawStepShares(settings, 0, targets[0]!),
      learningRate: 2.5e-3,
      bootstrapWeight: 10,
      k: 0,
    }
    const made = await Promise.all(
      (['exact', 'buckets'] as const).map(async (sizes) => {
        const compiled: string[] = []
        const runner = new StepRunner({
          runtime: countingRuntime(compiled),
          guidance,
          targets,
          settings: { ...settings, sizes },
          generator: generatorOf(settings),
        })
        const { losses } = await runner.step(request)
        const vectors = await runner.vectors()
        await runner.dispose()
        return { losses, vectors, compiled }
      }),
    )
    const [three, one] = made as [(typeof made)[number], (typeof made)[number]]
    expect(one.compiled).toHaveLength(2)
    expect(three.compiled).toHaveLength(6)
    for (const [name, loss] of Object.entries(one.losses)) {
      if (name !== 'colour') expect(loss, name).toBeGreaterThan(0)
      expect(three.losses[name as keyof typeof three.losses], name).toBeCloseTo(loss, 5)
    }
    // The sum of the gradients, whose cube root MADGRAD goes by: rounding shows least in it.
    const length = Math.hypot(...one.vectors.gradientSum)
    const difference = Math.hypot(...one.vectors.gradientSum.map((x, i) => x - three.vectors.gradientSum[i]!))
    expect(length).toBeGreaterThan(0)
    expect(difference / length).toBeLessThan(1e-3)
  })

  it('is one graph where no model is asked anything', async () => {
    const guidance = [await tinyClip(await folderSource(folder('../../test/fixtures/tinyClip')), cpu)]
    const weights = { lambdaComposition: 0, lambdaDirectional: 0, lambdaScreen: 0, lambdaStructure: 0 }
    const settings = resolveSettings(
      [{ preset: 'reference', prompt: ['gold'], views: 2, generatorWidth: 8, seed: 3, ...weights }],
      () => 0,
    )
    const texts = { prompt: settings.prompt, screen: settings.screen, source: settings.source, region: [] }
    const targets = [await embedTexts(guidance[0]!, texts, false)]
    const compiled: string[] = []
    const runtime = countingRuntime(compiled)
    const runner = new StepRunner({ runtime, guidance, targets, settings, generator: generatorOf(settings) })
    const { losses } = await runner.step({
      items: [{ picture: drawnPhoto(208, 192), views: [] }],
      shares: drawStepShares(settings, 0, targets[0]!),
      learningRate: 2.5e-3,
      bootstrapWeight: 0,
      k: 0,
    })
    await runner.dispose()
    expect(compiled).toHaveLength(1)
    expect(losses.sparsity).toBeGreaterThan(0)
  })
})

function countingRuntime(compiled: string[]): Runtime {
  return {
    ...cpu,
    compile: async (graph, outputs, options) => {
      compiled.push(Object.keys(outputs).join())
      return await cpu.compile(graph, outputs, options)
    },
  }
}
