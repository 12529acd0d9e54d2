import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readFixtureJson, readFixtureTensors } from '../../../test/support/readFixture.js'
import { shares, stepFixture } from '../../../test/support/stepFixture.js'
import { sharePrograms } from '../../../test/support/sharePrograms.js'
import type { Box } from '../../atlas/frameBoxes.js'
import type { LayerName, LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { createNodeRuntime } from '../../engine/node/createNodeRuntime.js'
import type { FloatImage } from '../../media/image.js'
import { createClip } from '../../models/clip.js'
import { parseClipConfig } from '../../models/clipConfig.js'
import { clipTextShapes, clipVisionShapes } from '../../models/clipWeights.js'
import { generatorParameters } from '../../models/generator.js'
import { folderSource } from '../../models/node/folderSource.js'
import { openWeightFile, readJson } from '../../models/weightFile.js'
import type { Runtime } from '../../engine/runtime.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import { lossNames } from '../losses.js'
import { bootstrapWeightAt, learningRateAt } from '../schedule.js'
import { objectAlone, seenBy } from '../sight.js'
import { firstVectors } from '../stepRunner.js'
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
      const settings = settingsOf({})
      const layer = await layerOf(name, settings)
      if (box) expect(layer.box).toEqual(box)
      const runner = await runnerOf(runtime, settings)
      for (const [k, step] of steps.entries()) {
        expect(learningRateAt(k, settings)).toBeCloseTo(step.learningRate, 12)
        const sample = await videoSample(layer, step, settings)
        expect([sample.atlas.height, sample.atlas.width]).toEqual(step.atlasCrop)
        const { losses } = await runner.step({
          ...videoItems({
            layer,
            sample,
            settings,
            maps: { relevancy: null, emphasis: null, mask: undefined, first: null, sight: null },
            whole: (k + 1) % fixture.settings.wholeAtlasEvery === 0,
            views: viewsOf(step),
          }),
          shares: sharesOf(step),
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

describe('an object that is seen alone', () => {
  it('is what the generator draws upon and learns from', async () => {
    const runtime = sharePrograms(createNodeRuntime({ device: 'cpu', threads: 2 }))
    const settings = settingsOf({ ground: 'frame' })
    const layer = await layerOf('foreground', settings)
    const [step] = fixture.layers.foreground.steps as [Step]
    const sample = await videoSample(layer, step, settings)
    const { width: wide, height: high } = layer.image
    const disc = new Float32Array(wide * high).map((_, i) => isInDisc(i, layer.image))
    const region: FloatImage = { width: wide, height: high, channels: 1, data: disc }
    const sight = objectAlone(layer.image, region)!
    const itemsWith = (seen: typeof sight | null) =>
      videoItems({
        layer,
        sample,
        settings,
        maps: { relevancy: null, emphasis: null, mask: undefined, first: null, sight: seen },
        whole: false,
        views: viewsOf(step),
      })
    const after = async (items: ReturnType<typeof itemsWith>) => {
      const runner = await runnerOf(runtime, settings)
      const { losses } = await runner.step({
        ...items,
        shares: sharesOf(step),
        learningRate: step.learningRate,
        bootstrapWeight: 0,
        k: 0,
      })
      const { parameters: made } = await runner.vectors()
      await runner.dispose()
      return { losses, made: Buffer.from(made.buffer, made.byteOffset, made.byteLength) }
    }
    const items = itemsWith(sight)
    const plain = itemsWith(null)
    expect(items.atlas).toEqual(plain.atlas)
    // Over the frame the picture of the atlas is nothing but what the generator sees.
    const drawn = await after({ ...items, direct: [] })
    const told = await after({ ...plain, atlas: items.shown!, direct: [] })
    expect(drawn.losses).toEqual(told.losses)
    expect(drawn.made.equals(told.made)).toBe(true)
    expect(drawn.made.equals((await after({ ...plain, direct: [] })).made)).toBe(false)
    // The crop of the frame is black where the frame shows something else: there it is grey too.
    const [direct] = items.direct
    const seen = seenBy(direct!.sight!, direct!.picture).data
    const { opacity, frame: whole } = sample.direct
    const n = opacity!.data.length
    const shown = sample.inFrame(region, sample.direct)
    seen.forEach((x, i) => {
      const share = shown.data[i % n]! * opacity!.data[i % n]!
      expect(x).toBeCloseTo(share * whole.data[i]! + (1 - share) * sight.grey, 4)
    })
    const [own, without] = [
      await after({ ...items, mapped: [] }),
      await after({ ...items, mapped: [], direct: plain.direct }),
    ]
    expect(own.made.equals(without.made)).toBe(false)
  })
})

/** 1 within a disc in the middle of an image. */
function isInDisc(i: number, { width, height }: { readonly width: number; readonly height: number }): number {
  const [x, y] = [i % width, Math.floor(i / width)]
  return (x - width / 2) ** 2 + (y - height / 2) ** 2 < (Math.min(width, height) / 3) ** 2 ? 1 : 0
}

function settingsOf(given: Partial<VideoSettings>): VideoSettings {
  const common = { preset: 'reference', prompt: ['unused'], region: ['unused'], seed: 0 } as const
  return resolveVideoSettings([{ ...common, views: fixture.settings.views, ...given }], () => 0)
}

const layerOf = (name: LayerName, settings: VideoSettings) =>
  trainingLayer(
    atlas,
    { ...fixture.frames, pixels: Array.from({ length: fixture.frames.count }, (_, t) => frame(t)) },
    name,
    settings,
  )

async function runnerOf(runtime: Runtime, settings: VideoSettings): Promise<VideoStepRunner> {
  const initial = Float32Array.from(parameters.flatMap((p) => [...tensor(`initial.${p.name}`).data]))
  return new VideoStepRunner({
    runtime,
    guidance: [await tinyClip(runtime)],
    settings,
    generator: shape,
    targets: [targets()],
    vectors: firstVectors(initial),
  })
}

const sharesOf = (step: Step) => ({
  composition: shares(step.targets.composition, targets().composition.shape[0]),
  direction: shares(step.targets.directional, targets().direction.shape[0]),
  screen: shares(step.targets.screen, targets().screen.shape[0]),
})

const viewsOf = (step: Step) => (item: string) =>
  viewSets.map((set) => ({
    set,
    side: 224,
    draws: step.views[set][['frame 0', 'frame 1', 'frame 2', 'direct', 'whole'].indexOf(item)]!,
  }))

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

async function tinyClip(runtime: Runtime) {
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
