import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readFixtureJson, readFixtureTensors } from '../../test/support/readFixture.js'
import { shares, stepFixture } from '../../test/support/stepFixture.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import type { FloatImage } from '../media/image.js'
import { generatorParameters } from '../models/generator.js'
import { createClip } from '../models/clip.js'
import { clipTextShapes, clipVisionShapes } from '../models/clipWeights.js'
import { parseClipConfig } from '../models/clipConfig.js'
import { folderSource } from '../models/node/folderSource.js'
import { openWeightFile, readJson } from '../models/weightFile.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { lossNames } from './losses.js'
import { bootstrapWeightAt, learningRateAt } from './schedule.js'
import { type ViewSet, viewSets } from './stepViews.js'
import { type StepItem, type StepRequest, StepRunner, firstVectors } from './stepRunner.js'
import type { ViewDraw } from './viewDraws.js'

/** Largest difference of a loss from PyTorch in float64. */
const LOSS_TOLERANCE = 1e-4

interface Step {
  items: string[]
  learningRate: number
  bootstrapWeight: number
  targets: { composition: number[]; directional: number[]; screen: number[] }
  views: Record<ViewSet, ViewDraw[][]>
  losses: Record<string, number>
}
interface Fixture {
  settings: { views: number; generator: { width: number; skip: number; levels: number } }
  parameters: Record<string, number[]>
  steps: Step[]
}

const fixture = readFixtureJson<Fixture>('steps')
const { tensor, targets, picture, compareParameters } = stepFixture(readFixtureTensors('steps'))
const shape = {
  width: fixture.settings.generator.width,
  skipWidth: fixture.settings.generator.skip,
  levels: fixture.settings.generator.levels,
}
const parameters = generatorParameters(shape)

async function openFixture() {
  const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
  const source = await folderSource(fileURLToPath(new URL('../../test/fixtures/tinyClip', import.meta.url)))
  const config = parseClipConfig(await readJson(source, 'config.json'))
  const weights = await openWeightFile(
    source,
    'model.safetensors',
    new Map([...clipVisionShapes(config), ...clipTextShapes(config)]),
  )
  // The fixture gives the texts as embeddings: nothing is tokenized.
  const guidance = await createClip({
    config,
    runtime,
    positions: 'reference',
    read: (names) => weights.weights(names),
    tokenize: () => {
      throw new Error('no texts here')
    },
  })
  const settings = resolveSettings(
    [{ preset: 'reference', prompt: ['unused'], region: ['unused'], views: fixture.settings.views, seed: 0 }],
    () => 0,
  )
  const flat = (state: string) => Float32Array.from(parameters.flatMap((p) => [...tensor(`${state}.${p.name}`).data]))
  const initial = flat('initial')
  const runner = new StepRunner({
    runtime,
    guidance: [guidance],
    settings,
    generator: shape,
    targets: [targets()],
    vectors: firstVectors(initial),
  })
  return { runner, settings }
}

const requestOf = (step: Step, k: number): StepRequest => ({
  items: step.items.map((name, i) => ({
    picture: picture(name),
    views: viewSets.map((set) => ({ set, side: 224, draws: step.views[set][i]! })),
  })),
  shares: {
    composition: shares(step.targets.composition, targets().composition.shape[0]),
    direction: shares(step.targets.directional, targets().direction.shape[0]),
    screen: shares(step.targets.screen, targets().screen.shape[0]),
  },
  learningRate: step.learningRate,
  bootstrapWeight: step.bootstrapWeight,
  k,
})

describe('five steps of preset reference', () => {
  it('have the losses and parameters of the PyTorch script', async () => {
    const { runner, settings } = await openFixture()
    for (const [k, step] of fixture.steps.entries()) {
      expect(learningRateAt(k, settings)).toBeCloseTo(step.learningRate, 12)
      expect(bootstrapWeightAt(k, settings)).toBeCloseTo(step.bootstrapWeight, 12)
      const { losses } = await runner.step(requestOf(step, k))
      for (const name of [...lossNames, 'total'] as const) {
        const expected = name === 'sparsity' ? step.losses.sparsity! : (step.losses[name] ?? 0)
        expect(Math.abs(losses[name] - expected), `${name} at step ${k}: ${losses[name]} for ${expected}`).toBeLessThan(
          LOSS_TOLERANCE,
        )
      }
      const after = { 0: 'after1', 4: 'after5' }[k]
      if (after) compareParameters(parameters, (await runner.vectors()).parameters, after, step.learningRate)
    }
    await runner.dispose()
  })
})

describe('a step runner', () => {
  it('has a graph of its own for items with a mask or an emphasis', async () => {
    const { runner } = await openFixture()
    const request = requestOf(fixture.steps[0]!, 0)
    const [item] = request.items
    const { width, height } = item!.picture
    const nowhere: FloatImage = { width, height, channels: 1, data: new Float32Array(width * height) }
    const sparsity = async (maps: Partial<StepItem>) =>
      (await runner.step({ ...request, items: [{ ...item!, ...maps }] })).losses.sparsity
    expect(await sparsity({})).toBeGreaterThan(1e-4)
    expect(await sparsity({ mask: nowhere })).toBe(0)
    expect(await sparsity({})).toBeGreaterThan(1e-4)
    expect(await sparsity({ emphasis: nowhere })).toBe(0)
    await runner.dispose()
  })
})
