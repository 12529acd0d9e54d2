import { randomStream } from '../engine/random.js'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import { boundLayer } from '../media/boundLayer.js'
import type { FloatImage } from '../media/image.js'
import { type GeneratorShape, generatorOf } from '../models/generator.js'
import { type GuidanceModel, holdTextTowers, withDistinctNames } from '../models/guidance.js'
import type { LearnedStart } from '../models/learnedStart.js'
import type { OutlineModel } from '../models/outline.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { RegionTexts } from '../options/region.js'
import { minGeneratorSide } from '../options/resolveSettings.js'
import { drawExample, internalExample, placeLike } from './internalExamples.js'
import { findRegion } from './findRegion.js'
import { askedMaterial, grainOn } from './grain.js'
import { answerableRegion } from './guidanceAnswers.js'
import { type HeardStart, hearStart, heardVectors, heldSettings, startNote } from './heardStart.js'
import { type LocatedRegion, rivalsFor } from './locateRegion.js'
import { boundOf, emphasisOf } from './regionMaps.js'
import { bootstrapWeightAt, learningRateAt } from './schedule.js'
import { type Sight, placedSight, regionBounds, seenBy, sightAfter, withoutSurroundings } from './sight.js'
import { drawStepShares, drawStepViews } from './stepDraws.js'
import { type StepItem, StepRunner, type VectorName, vectorNames } from './stepRunner.js'
import { type EmbeddedTexts, type Texts, embedTexts } from './textTargets.js'

/**
 * Parameters and optimizer state by name, and the number of steps done: with the settings all that a run continues
 * from.
 */
export interface TrainerState {
  readonly step: number
  readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>
}

/** What one step says of itself. */
export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number
  /** Each loss by name, unweighted, and `total`, the weighted sum. */
  readonly losses: Readonly<Record<string, number>>
  /** The learning rate this step was made with. */
  readonly learningRate: number
}

/** What a trainer is made of. */
export interface TrainerOptions {
  readonly runtime: Runtime
  /** One or more; their losses are averaged. */
  readonly guidance: readonly GuidanceModel[]
  /** RGB at training size, [0, 1]. */
  readonly photo: FloatImage
  /** One channel at training size; alpha is multiplied by it. */
  readonly mask?: FloatImage
  readonly settings: ImageSettings
  /** A region of `agreed` is the name in the prompt that the photo shows. */
  readonly texts: Omit<Texts, 'region'> & { readonly region: RegionTexts }
  /** Needed for the relevancy `object` of a region. */
  readonly outline?: OutlineModel | null
  /**
   * First weights, where they fit the run's generator; random ones else. A run that continues asks them only how far
   * they know what its prompt asks for.
   */
  readonly start?: LearnedStart | null
  /** Continue from here, bit for bit on the CPU. */
  readonly state?: TrainerState
  /** Widths of the generator; tests use narrow ones. Default: the published ones, or the preset's. */
  readonly generator?: GeneratorShape
  /** Is told what happens while it is made, and of each graph that is compiled. */
  readonly notice?: (notice: TrainerNotice) => void
  /**
   * Is told of texts that a guidance model can read in part only, of what was taken for the region, of how a learned
   * start reads the prompt, of the grain, and where surroundings that were to be hidden are shown.
   */
  readonly onNote?: (message: string) => void
  /** Gives the making of the trainer up; steps do not heed it. */
  readonly signal?: AbortSignal
}

/** What happens while a trainer is made or runs, besides its steps. */
export type TrainerNotice =
  | { readonly type: 'compile'; readonly width: number; readonly height: number; readonly seconds: number }
  /** What the making of a trainer has come to: texts are read, or the region is looked for in the photo. */
  | { readonly type: 'phase'; readonly phase: 'texts' | 'locating' }

/**
 * Trains one edit layer for one photo. What is asked while it is at work waits its turn: a layer asked for during a
 * step is that after the step.
 */
export interface Trainer {
  /** Steps done. */
  readonly step: number
  /** Steps of the whole run. */
  readonly steps: number
  readonly device: string
  /** Its first weights were learned ones, so that its layer shows something before any step. */
  readonly learned?: boolean
  /** One step. @throws LOSS_NOT_FINITE, with the state as it was before it */
  train(): Promise<StepReport>
  /** The edit layer of the whole photo at training size: RGBA, straight alpha. */
  layer(): Promise<FloatImage>
  /** A copy of what the run continues from. */
  state(): Promise<TrainerState>
  /**
   * Where the edit may go from the next step on: one channel at training size, which alpha is multiplied by; null for
   * the whole photo. What bounds the edit besides, the region, goes on to.
   * @throws SHAPE_MISMATCH
   */
  setMask(mask: FloatImage | null): Promise<void>
  /** Frees what it holds; a second call does nothing. */
  dispose(): Promise<void>
}

/**
 * Embeds the texts, prepares the maps and the first parameters.
 * @throws GUIDANCE_INCAPABLE, PROMPT_TOO_LONG, PROMPT_NOT_UNDERSTOOD, INPUT_TOO_SMALL, CHECKPOINT_INVALID;
 *   INTERRUPTED when `signal` aborts
 */
export async function createTrainer(options: TrainerOptions): Promise<Trainer> {
  const { runtime, photo, settings, state } = options
  const guidance = withDistinctNames(options.guidance)
  const generator = options.generator ?? generatorOf(settings)
  const wanted = answerableRegion(guidance, settings, options.texts.region, options.onNote)
  if (Math.min(photo.width, photo.height) < minGeneratorSide) {
    throw new Text2LiveError(
      'INPUT_TOO_SMALL',
      `The generator needs at least ${minGeneratorSide} px on each side to train on; the photo has ${photo.width}x${photo.height}. Use a larger photo or --size.`,
    )
  }
  const locate = () => embedAndLocate({ ...options, texts: { ...options.texts, region: wanted } }, guidance)
  // To find a name for the region, texts are encoded two or three times.
  const { targets, region } = await (wanted === 'agreed' ? holdTextTowers(guidance, locate) : locate())
  // With the published target the map is made in each step, of what the step sees.
  const located = settings.relevancy === 'model' ? null : region.map
  const emphasis = located && settings.sparsityMap > 0 ? emphasisOf(located, settings.sparsityMap) : null
  let mask = boundOf(options.mask, located, settings.regionBound)
  const heard = hearStart(options.start, generator, guidance, targets)
  const vectors = firstState(options, generator, heard)
  const held = heldSettings(settings, heard)
  const runner = new StepRunner({
    runtime,
    guidance,
    targets,
    settings: held,
    generator,
    vectors,
    onCompile: (compiled) => options.notice?.({ type: 'compile', ...compiled }),
  })
  let done = state?.step ?? 0
  const told = new Set<string>()
  /** What a mask that comes on the way changes is told, what stays as it was is not told again. */
  const noteOnce = (note: string): void => {
    if (!told.has(note)) options.onNote?.(note)
    told.add(note)
  }
  /** What the generator sees with this mask, and the learned start's layer of it where colours are held to that. */
  const looking = async (given: FloatImage | undefined) => {
    const alone = withoutSurroundings(photo, settings, located, given, noteOnce)
    const sight = sightAfter(grainOf(options, located ?? given ?? null, noteOnce), alone)
    const shown = sight ? seenBy(sight, photo) : photo
    return { sight, shown, first: held.lambdaColour > 0 ? await runner.layer(shown, vectors?.initial) : null }
  }
  let look = await looking(options.mask)

  const item = (picture: FloatImage, name: string, place: (map: FloatImage) => FloatImage): StepItem => ({
    picture,
    views: drawStepViews(settings, guidance, name, done, picture),
    ...(mask ? { mask: place(mask) } : {}),
    ...(located ? { relevancy: place(located) } : {}),
    ...(emphasis ? { emphasis: place(emphasis) } : {}),
    ...(look.first ? { first: place(look.first) } : {}),
    ...(look.sight ? { sight: placedSight(look.sight, place) } : {}),
  })

  const turn = inOrder()
  let disposed = false
  /** Work on the runner, which must not be gone when its turn comes. */
  const asked = <T>(work: () => Promise<T>): Promise<T> =>
    turn(async () => {
      if (!disposed) return await work()
      throw new Text2LiveError('INTERNAL', 'The trainer was asked for something after it was disposed of.')
    })

  return {
    get step() {
      return done
    },
    steps: settings.steps,
    device: runtime.device,
    learned: !state && heard !== null,
    train: () =>
      asked(async () => {
        const draw = drawExample(randomStream(settings.seed, 'example', done), photo, settings)
        const example = () => item(internalExample(photo, draw), 'example', (map) => placeLike(map, draw))
        const whole =
          settings.wholeImageEvery > 0 && done % settings.wholeImageEvery === 0
            ? item(photo, 'whole', (map) => map)
            : null
        // With few sizes the whole photo takes the example's place, so that no second kind of graph has to be compiled.
        const items = whole && settings.sizes === 'buckets' ? [whole] : [example(), ...(whole ? [whole] : [])]
        const learningRate = learningRateAt(done, settings)
        const { losses } = await runner.step({
          items,
          learningRate,
          k: done,
          bootstrapWeight: region.texts.length > 0 ? bootstrapWeightAt(done, settings) : 0,
          shares: drawStepShares(settings, done, targets[0]!),
        })
        done += 1
        return { step: done, losses, learningRate }
      }),
    layer: () =>
      asked(async () => {
        // Before the first step it is the start's, which is there already.
        const { first, shown } = look
        const layer = first && done === 0 ? { ...first, data: first.data.slice() } : await runner.layer(shown)
        return mask ? boundLayer(layer, mask) : layer
      }),
    state: () =>
      asked(async () => {
        const vectors = await runner.vectors()
        return {
          step: done,
          tensors: Object.fromEntries(
            vectorNames.map((name) => [name, { shape: [vectors[name].length], data: vectors[name] }]),
          ),
        }
      }),
    setMask: (given) =>
      asked(async () => {
        if (given !== null) assertMaskFits(given, photo)
        if (!regionBounds(located, settings.regionBound)) look = await looking(given ?? undefined)
        mask = boundOf(given ?? undefined, located, settings.regionBound)
      }),
    dispose: () =>
      turn(async () => {
        disposed = true
        await runner.dispose()
      }),
  }
}

/** The grain that the object is to bear; null without a material in the prompt, or without an object. */
function grainOf(
  { photo, settings: { grain: strength, seed }, texts: { prompt, source } }: TrainerOptions,
  object: FloatImage | null,
  onNote: (note: string) => void,
): Sight | null {
  const material = strength > 0 ? askedMaterial(prompt, source) : null
  if (material === null) return null
  if (object === null) {
    onNote(`grain: none, since without a region or a mask nothing is to be of ${material}`)
    return null
  }
  onNote(`grain: ${material}, as the prompt says; --grain 0 leaves it to the guidance`)
  return grainOn(photo, object, { material, seed, strength })
}

/** @throws SHAPE_MISMATCH */
function assertMaskFits(mask: FloatImage, photo: FloatImage): void {
  if (mask.channels === 1 && mask.width === photo.width && mask.height === photo.height) return
  throw new Text2LiveError(
    'SHAPE_MISMATCH',
    `Expected a mask of one channel at training size, ${photo.width}x${photo.height}, came ${mask.channels} of ${mask.width}x${mask.height}.`,
  )
}

/**
 * Embeds the texts and finds the region. Where prompt and photo agree on a name, and nobody said what the photo shows,
 * it shows that.
 */
async function embedAndLocate(
  { runtime, photo, settings, texts, outline = null, onNote, notice, signal }: TrainerOptions,
  guidance: readonly GuidanceModel[],
): Promise<{ readonly targets: readonly EmbeddedTexts[]; readonly region: LocatedRegion }> {
  const { relevancy, truncate } = settings
  const { embedded, region } = await findRegion({
    runtime,
    photo,
    guidance,
    outline,
    relevancy,
    truncate,
    asked: texts.region,
    prompt: texts.prompt,
    embed: async (found, name) => {
      const all = { ...texts, source: name === null ? texts.source : [name], region: found }
      const rivals = found.length > 0 ? rivalsFor(relevancy) : []
      const each: EmbeddedTexts[] = []
      for (const model of guidance) each.push(await embedTexts(model, all, truncate, onNote, rivals, signal))
      return each
    },
    onNote,
    onPhase: (phase) => notice?.({ type: 'phase', phase }),
    signal,
  })
  return { targets: embedded, region }
}

/** Where training starts or goes on, told where that is not as asked; undefined: at random weights. */
export function firstState(
  {
    state,
    start,
    settings,
    onNote,
  }: Pick<TrainerOptions, 'state' | 'start' | 'onNote'> & { readonly settings: Pick<ImageSettings, 'lambdaColour'> },
  generator: GeneratorShape,
  heard: HeardStart | null,
): Record<VectorName, Float32Array> | undefined {
  if (state) return vectorsOf(state)
  const note = startNote(start, generator, heard, settings)
  if (note !== null) onNote?.(note)
  return heard ? heardVectors(heard) : undefined
}

/** The vectors of a saved state. @throws CHECKPOINT_INVALID */
function vectorsOf(state: TrainerState): Record<VectorName, Float32Array> {
  return Object.fromEntries(
    vectorNames.map((name) => {
      const tensor = state.tensors[name]
      if (!tensor)
        throw new Text2LiveError(
          'CHECKPOINT_INVALID',
          `Expected the checkpoint to hold a tensor "${name}"; it has ${Object.keys(state.tensors).join(', ')}.`,
        )
      return [name, tensor.data]
    }),
  ) as Record<VectorName, Float32Array>
}

/** Does work one after another, each when what was asked before it has ended, however that ended. */
function inOrder(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }
}
