import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readFixtureJson, readFixtureTensors } from '../../../test/support/readFixture.js'
import { shares, stepFixture } from '../../../test/support/stepFixture.js'
import { sharePrograms } from '../../../test/support/sharePrograms.js'
import type { Box } from '../../atlas/frameBoxes.js'
import type { LayerName, LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import { createClip } from '../../models/clip.js'
import { parseClipConfig } from '../../models/clipConfig.js'
import { clipTextShapes, clipVisionShapes } from '../../models/clipWeights.js'
import { generatorParameters } from '../../models/generator.js'
import { folderSource } from '../../models/node/folderSource.js'
import { openWeightFile, readJson } from '../../models/weightFile.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import { lossNames } from '../losses.js'
import { bootstrapWeightAt, learningRateAt } from '../schedule.js'
import { type ViewSet, viewSets } from '../stepViews.js'
import type { ViewDraw } from '../viewDraws.js'
import { trainingLayer } from './trainingLayer.js'
import { videoItems } from './videoItems.js'
import { type VideoDraw, videoSample } from './videoSample.js'
import { VideoStepRunner } from './videoStepRunner.js'

/** Largest difference of a loss from PyTorch in float64. */
const LOSS_TOLERANCE = 1e-4

interface Step extends VideoDraw {
  learningRate: number
  atlasCrop: [number, number]
  targets: { composition: number[]; directional: number[]; screen: number[] }
  views: Record<ViewSet, ViewDraw[][]>
  losses: Record<string, number>
}
interface Fixture {
  settings: { views: number; wholeAtlasEvery: number; generator: { width: number; skip: number; levels: number } }
  frames: { count: number; height: number; width: number }
  layers: Record<LayerName, { steps: Step[]; box: Box | null }>
}

const fixture = readFixtureJson<Fixture>('videoSteps')
const { tensor, targets, picture, compareParameters } = stepFixture(readFixtureTensors('videoSteps'))
const shape = {
  width: fixture.settings.generator.width,
  skipWidth: fixture.settings.generator.skip,
  levels: fixture.settings.generator.levels,
}
const parameters = generatorParameters(shape)

describe('five steps of preset reference on a layered atlas', () => {
  it.each(['foreground', 'background'] as const)(
    'have the losses and parameters of the PyTorch script, %s',
    async (name) => {
      const runtime = sharePrograms(createNodeRuntime({ device: 'cpu', threads: 2 }))
      const { steps, box } = fixture.layers[name]
      const settings = resolveVideoSettings(
        [{ preset: 'reference', prompt: ['unused'], region: ['unused'], views: fixture.settings.views, seed: 0 }],
        () => 0,
      )
      const layer = await trainingLayer(
        atlas,
        { ...fixture.frames, pixels: Array.from({ length: fixture.frames.count }, (_, t) => frame(t)) },
        name,
        settings,
      )
      if (box) expect(layer.box).toEqual(box)
      const flat = (state: string) =>
        Float32Array.from(parameters.flatMap((p) => [...tensor(`${state}.${p.name}`).data]))
      const initial = flat('initial')
      const runner = new VideoStepRunner({
        runtime,
        guidance: [await tinyClip(runtime)],
        settings,
        generator: shape,
        targets: [targets()],
        vectors: {
          parameters: initial,
          initial: initial.slice(),
          gradientSum: new Float32Array(initial.length),
          squareSum: new Float32Array(initial.length),
        },
      })
      for (const [k, step] of steps.entries()) {
        expect(learningRateAt(k, settings)).toBeCloseTo(step.learningRate, 12)
        const sample = await videoSample(layer, step, settings)
        expect([sample.atlas.height, sample.atlas.width]).toEqual(step.atlasCrop)
        const order = ['frame 0', 'frame 1', 'frame 2', 'direct', 'whole']
        const { losses } = await runner.step({
          ...videoItems({
            layer,
            sample,
            settings,
            maps: { relevancy: null, emphasis: null, mask: undefined, first: null, sight: null },
            whole: (k + 1) % fixture.settings.wholeAtlasEvery === 0,
            views: (item) => viewSets.map((set) => ({ set, side: 224, draws: step.views[set][order.indexOf(item)]! })),
          }),
          shares: {
            composition: shares(step.targets.composition, targets().composition.shape[0]),
            direction: shares(step.targets.directional, targets().direction.shape[0]),
            screen: shares(step.targets.screen, targets().screen.shape[0]),
          },
          learningRate: step.learningRate,
          bootstrapWeight: bootstrapWeightAt(k, settings),
          k,
        })
        for (const loss of [...lossNames, 'total'] as const) {
          expect(
            Math.abs(losses[loss] - (step.losses[loss] ?? 0)),
            `${loss} at step ${k}: ${losses[loss]} for ${step.losses[loss]}`,
          ).toBeLessThan(LOSS_TOLERANCE)
        }
        const after = { 0: 'after1', 4: 'after5' }[k]
        if (after)
          compareParameters(parameters, (await runner.vectors()).parameters, `${name}.${after}`, step.learningRate)
      }
      await runner.dispose()
    },
  )
})

/** The formulas of the fixture. */
const { count, height, width } = fixture.frames
const atlas: LayeredAtlas = {
  frames: count,
  width,
  height,
  image: (layer) => Promise.resolve(picture(`${layer}.atlas`)),
  mapping(layer, t) {
    const data = new Float32Array(2 * width * height)
    for (let i = 0; i < width * height; i++) {
      const [x, y] = [i % width, Math.floor(i / width)]
      const [u, v] =
        layer === 'foreground'
          ? [12.3 + 1.06 * x + 3 * Math.sin(y / 23 + t), 9.6 + 1.04 * y + 2 * Math.cos(x / 19) + 0.8 * t]
          : [40.2 + 1.1 * x + 4 * Math.sin(y / 31) + 6.3 * t, 35.4 + 1.15 * y + 3 * Math.sin(x / 29 + t)]
      data[i] = u
      data[width * height + i] = v
    }
    return Promise.resolve({ width, height, data })
  },
  opacity(t) {
    const data = Float32Array.from({ length: width * height }, (_, i) => {
      const away = Math.sqrt(((i % width) - 76 - 2 * t) ** 2 + (Math.floor(i / width) - 66 - t) ** 2)
      return 0.99 / (1 + Math.exp((away - 48) / 2)) + 0.001
    })
    return Promise.resolve({ width, height, channels: 1, data })
  },
}

/** Frames that no step uses are not in the fixture. */
function frame(t: number): Uint8Array {
  const bytes = new Uint8Array(3 * width * height)
  if (t % 2 === 1) return bytes
  const { data } = tensor(`frame${t}`)
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) bytes[3 * i + c] = data[c * width * height + i]!
  return bytes
}

async function tinyClip(runtime: ReturnType<typeof createNodeRuntime>) {
  const source = await folderSource(fileURLToPath(new URL('../../../test/fixtures/tinyClip', import.meta.url)))
  const config = parseClipConfig(await readJson(source, 'config.json'))
  const weights = await openWeightFile(
    source,
    'model.safetensors',
    new Map([...clipVisionShapes(config), ...clipTextShapes(config)]),
  )
  // The fixture gives the texts as embeddings: nothing is tokenized.
  return await createClip({
    config,
    runtime,
    positions: 'reference',
    read: (names) => weights.weights(names),
    tokenize: () => {
      throw new Error('no texts here')
    },
  })
}
