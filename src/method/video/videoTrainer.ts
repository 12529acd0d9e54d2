import { atlasDensity } from '../../atlas/scaledAtlas.js'
import type { LayerName, LayeredAtlas } from '../../atlas/layeredAtlas.js'
import { type ProjectedMap, projectToAtlas } from '../../atlas/projectToAtlas.js'
import { randomStream } from '../../engine/random.js'
import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { boundLayer } from '../../media/boundLayer.js'
import { crop } from '../../media/crop.js'
import type { FloatImage } from '../../media/image.js'
import { refineLayer } from '../../media/refineLayer.js'
import { resize } from '../../media/resample.js'
import { type GeneratorShape, generatorOf } from '../../models/generator.js'
import { type GuidanceModel, withDistinctNames } from '../../models/guidance.js'
import type { LearnedStart } from '../../models/learnedStart.js'
import type { OutlineModel } from '../../models/outline.js'
import { givenTexts } from '../../options/region.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { answerableRegion } from '../guidanceAnswers.js'
import { hearStart, heldSettings } from '../heardStart.js'
import { locateRegion, rivalsFor } from '../locateRegion.js'
import { boundOf, emphasisOf } from '../regionMaps.js'
import { bootstrapWeightAt, learningRateAt } from '../schedule.js'
import { drawStepShares, drawStepViews } from '../stepDraws.js'
import { seenBy, withoutSurroundings } from '../sight.js'
import { vectorNames } from '../stepRunner.js'
import { type EmbeddedTexts, embedTexts } from '../textTargets.js'
import { type Trainer, type TrainerNotice, type TrainerState, firstState } from '../trainer.js'
import type { Size } from '../viewDraws.js'
import type { LayerTexts } from './layerTexts.js'
import { type TrainingLayer, trainingLayer } from './trainingLayer.js'
import { type LayerMaps, videoItems } from './videoItems.js'
import { drawVideoSample, videoSample } from './videoSample.js'
import { VideoStepRunner, type VideoStepRunnerOptions } from './videoStepRunner.js'

export interface VideoTrainerOptions {
  readonly runtime: Runtime
  /** One or more; their losses are averaged. */
  readonly guidance: readonly GuidanceModel[]
  readonly atlas: LayeredAtlas
  /** The original frames, of the atlas's size and number. */
  readonly frames: ClipFrames
  readonly layer: LayerName
  readonly settings: VideoSettings
  /** Of this layer, see `layerTexts`. */
  readonly texts: LayerTexts
  /** Needed for the relevancy `object` of a region of the background. */
  readonly outline?: OutlineModel | null
  /** As `TrainerOptions.start`. */
  readonly start?: LearnedStart | null
  /** One channel of the frames' size: where in the first frame the edit may be. */
  readonly mask?: FloatImage
  /** Continue from here, bit for bit on the CPU. */
  readonly state?: TrainerState
  /** Widths of the generator; tests use narrow ones. Default: the preset's. */
  readonly generator?: GeneratorShape
  readonly notice?: (notice: TrainerNotice) => void
  /**
   * Is told where the first weights are others than the asked ones, how a learned start reads the prompt, and where
   * surroundings that were to be hidden are shown.
   */
  readonly onNote?: (message: string) => void
}

/** Trains the edit layer of one layer of a clip. */
export interface VideoTrainer extends Omit<Trainer, 'layer' | 'setMask'> {
  /** The edit of the layer's atlas image, at its size: RGBA, straight alpha. What `renderEdit` takes. */
  edit(): Promise<FloatImage>
}

/**
 * Embeds the texts, brings the clip to training size, prepares the maps and the first parameters (supplement 3.1).
 * @throws GUIDANCE_INCAPABLE, PROMPT_TOO_LONG, PROMPT_NOT_UNDERSTOOD, ATLAS_EMPTY, SHAPE_MISMATCH,
 *   INPUT_TOO_SMALL, CHECKPOINT_INVALID
 */
export async function createVideoTrainer(options: VideoTrainerOptions): Promise<VideoTrainer> {
  const { runtime, settings, texts, state } = options
  const guidance = withDistinctNames(options.guidance)
  const generator = options.generator ?? generatorOf(settings)
  const layer = await trainingLayer(options.atlas, options.frames, options.layer, settings)
  const region = givenTexts(texts.region)
  answerableRegion(guidance, settings, wordsToFind(settings, options.layer, texts))
  options.notice?.({ type: 'phase', phase: 'texts' })
  const targets: EmbeddedTexts[] = []
  for (const model of guidance)
    targets.push(
      await embedTexts(
        model,
        { ...texts, region },
        settings.truncate,
        undefined,
        layer.name === 'background' && region.length > 0 ? rivalsFor(settings.relevancy) : [],
      ),
    )
  const located = await layerMaps(layer, options, guidance, targets)
  const heard = hearStart(options.start, generator, guidance, targets)
  const held = heldSettings(settings, heard)
  const runnerOf = (vectors: VideoStepRunnerOptions['vectors']) =>
    new VideoStepRunner({
      runtime,
      guidance,
      targets,
      settings: held,
      generator,
      vectors,
      onCompile: (compiled) => options.notice?.({ type: 'compile', ...compiled }),
    })
  const vectors = firstState(options, generator, heard)
  const runner = runnerOf(vectors)
  const { x, y, width, height } = layer.box
  const seen = crop(located.sight ? seenBy(located.sight, layer.image) : layer.image, x, y, width, height)
  const maps = { ...located, first: held.lambdaColour > 0 ? await firstLayer() : null }
  let done = state?.step ?? 0

  /** The edit layer before any step, of a training that goes on too. */
  async function firstLayer(): Promise<FloatImage> {
    if (!state || !vectors) return grown(await runner.layer(seen), layer)
    const start = runnerOf({ ...vectors, parameters: vectors.initial })
    try {
      return grown(await start.layer(seen), layer)
    } finally {
      await start.dispose()
    }
  }

  return {
    get step() {
      return done
    },
    steps: settings.steps,
    device: runtime.device,
    async train() {
      const draw = drawVideoSample(randomStream(settings.seed, 'example', done), layer, settings)
      const sample = await videoSample(layer, draw, settings)
      const joins = settings.wholeAtlasEvery > 0 && (done + 1) % settings.wholeAtlasEvery === 0
      const learningRate = learningRateAt(done, settings)
      const views = (name: string, size: Size) => drawStepViews(settings, guidance, name, done, size)
      const { losses } = await runner.step({
        ...videoItems({ layer, sample, maps, settings, whole: joins, views }),
        shares: drawStepShares(settings, done, targets[0]!),
        learningRate,
        k: done,
        bootstrapWeight: texts.region.length > 0 ? bootstrapWeightAt(done, settings) : 0,
      })
      done += 1
      return { step: done, losses, learningRate }
    },
    async edit() {
      const small = grown(await runner.layer(seen), layer)
      if (maps.mask) boundLayer(small, maps.mask)
      const full = await options.atlas.image(layer.name)
      return full.width === small.width && full.height === small.height ? small : refineLayer(full, small, layer.image)
    },
    async state() {
      const vectors = await runner.vectors()
      return {
        step: done,
        tensors: Object.fromEntries(
          vectorNames.map((name) => [name, { shape: [vectors[name].length], data: vectors[name] }]),
        ),
      }
    },
    dispose: () => runner.dispose(),
  }
}

/** The region that a guidance model has to find; the foreground is where its own opacity is. */
export const wordsToFind = (
  { relevancy }: Pick<VideoSettings, 'relevancy'>,
  layer: LayerName,
  { region }: Pick<LayerTexts, 'region'>,
): readonly string[] => (layer === 'background' || relevancy === 'model' ? givenTexts(region) : [])

/** Where the region is in the atlas, and what follows from it and from the given mask. */
async function layerMaps(
  layer: TrainingLayer,
  { runtime, settings, texts, mask, outline = null, notice, onNote }: VideoTrainerOptions,
  guidance: readonly GuidanceModel[],
  embedded: readonly EmbeddedTexts[],
): Promise<Omit<LayerMaps, 'first'>> {
  const given = mask ? await projectedMask(layer, mask) : undefined
  // The background of which nothing is named is all that there is around things.
  const isAsked = layer.name === 'foreground' || texts.region.length > 0 || given !== undefined
  const sightOf = (region: FloatImage | null) =>
    withoutSurroundings(layer.image, settings, region, given, isAsked ? onNote : undefined)
  if (texts.region.length === 0 || settings.relevancy === 'model')
    return { relevancy: null, emphasis: null, mask: given, sight: sightOf(null) }
  if (layer.name === 'background') notice?.({ type: 'phase', phase: 'locating' })
  const relevancy =
    layer.name === 'foreground'
      ? await projectToAtlas(layer.image, opacities(layer), await gap(layer))
      : (
          await locateRegion({
            photo: layer.image,
            guidance,
            embedded,
            texts: givenTexts(texts.region),
            relevancy: settings.relevancy,
            outline,
            runtime,
          })
        ).map
  return {
    relevancy,
    emphasis: relevancy && settings.sparsityMap > 0 ? emphasisOf(relevancy, settings.sparsityMap) : null,
    mask: boundOf(given, relevancy, settings.regionBound),
    sight: sightOf(relevancy),
  }
}

/**
 * Half the distance of a frame's pixels in the atlas image, rounded up: windows of this radius leave no gap between
 * them.
 */
const gap = async (layer: TrainingLayer): Promise<number> =>
  Math.max(1, Math.ceil((await atlasDensity(layer.atlas, layer.name)) / 2))

async function* opacities({ atlas, boxes, name }: TrainingLayer): AsyncIterable<ProjectedMap> {
  for (const [t, box] of boxes.entries())
    if (box) yield { mapping: await atlas.mapping(name, t), map: await atlas.opacity(t) }
}

async function projectedMask(layer: TrainingLayer, mask: FloatImage): Promise<FloatImage> {
  if (mask.channels !== 1)
    throw new Text2LiveError('MASK_INVALID', `Expected a mask of one channel; it has ${mask.channels}.`)
  const map = resize(mask, layer.width, layer.height, { filter: 'bilinear', antialias: true })
  async function* one(): AsyncIterable<ProjectedMap> {
    yield { mapping: await layer.atlas.mapping(layer.name, 0), map }
  }
  return await projectToAtlas(layer.image, one(), await gap(layer))
}

/** The layer of the box placed in the image of its layer, its border repeated outward. */
function grown(edit: FloatImage, { image, box }: TrainingLayer): FloatImage {
  const { width, height } = image
  if (edit.width === width && edit.height === height) return edit
  const data = new Float32Array(4 * width * height)
  for (let c = 0; c < 4; c++) {
    for (let y = 0; y < height; y++) {
      const row = (c * edit.height + Math.min(Math.max(y - box.y, 0), edit.height - 1)) * edit.width
      for (let x = 0; x < width; x++)
        data[(c * height + y) * width + x] = edit.data[row + Math.min(Math.max(x - box.x, 0), edit.width - 1)]!
    }
  }
  return { width, height, channels: 4, data }
}
