import { Text2LiveError } from '../errors.js'
import type { Feed, Program, Runtime } from '../engine/runtime.js'
import { type KeptOutputs, type Outputs, type Pass, type Rows, TrainedProgram } from '../engine/trainedProgram.js'
import type { FloatImage } from '../media/image.js'
import { type GeneratorShape, initialParameters, parameterCount } from '../models/generator.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { runPicture } from './judgedStep.js'
import { type LossName, lossNames } from './losses.js'
import { madgradLambda } from './madgrad.js'
import { type Sight, sightFeeds } from './sight.js'
import {
  LossSum,
  type ViewSetDraws,
  frozenInputs,
  lossWeights,
  reportNames,
  shareFeeds,
  textCounts,
  trainingStopped,
  viewFeeds,
} from './stepFeeds.js'
import { type StepGraph, type StepPlan, buildLayerGraph } from './stepGraph.js'
import type { TextShares, TextTargets } from './textTargets.js'
import type { Size } from './viewDraws.js'

/** One picture of a step and everything drawn for it. */
export interface StepItem {
  /** RGB, [0, 1]. */
  readonly picture: FloatImage
  readonly views: readonly ViewSetDraws[]
  /** One channel of the picture's size each. */
  readonly mask?: FloatImage
  readonly relevancy?: FloatImage
  readonly emphasis?: FloatImage
  /** The learned start's layer of the picture [4, H, W], whose colours the edit is held to by `lambdaColour`. */
  readonly first?: FloatImage
  /** What the generator sees of the picture. */
  readonly sight?: Sight
}

export interface StepRequest {
  /** The internal example, then the whole photo if it joins. */
  readonly items: readonly StepItem[]
  readonly shares: TextShares
  readonly learningRate: number
  readonly bootstrapWeight: number
  /** Steps done before this one. */
  readonly k: number
}

export interface StepResult {
  readonly losses: Readonly<Record<LossName | 'total', number>>
}

export type VectorName = 'parameters' | 'initial' | 'gradientSum' | 'squareSum'
export const vectorNames: readonly VectorName[] = ['parameters', 'initial', 'gradientSum', 'squareSum']

/** Where a training begins that has these first parameters. */
export const firstVectors = (parameters: Float32Array): Record<VectorName, Float32Array> => ({
  parameters,
  initial: parameters.slice(),
  gradientSum: new Float32Array(parameters.length),
  squareSum: new Float32Array(parameters.length),
})

export interface StepRunnerOptions {
  readonly runtime: Runtime
  /** Models with distinct names; their losses are averaged. */
  readonly guidance: readonly GuidanceModel[]
  /** Of each model. */
  readonly targets: readonly TextTargets[]
  readonly settings: ImageSettings
  readonly generator: GeneratorShape
  readonly vectors?: Readonly<Record<VectorName, Float32Array>> | undefined
  readonly onCompile?: (size: { width: number; height: number; seconds: number }) => void
}

export interface TrainedGeneratorOptions extends Pick<
  StepRunnerOptions,
  'runtime' | 'guidance' | 'targets' | 'generator' | 'vectors'
> {
  readonly settings: Pick<ImageSettings, 'seed' | 'sizes'>
}

/**
 * Bytes of compiled graphs held at once. With bucketed sizes all of a run fit; with exact sizes each serves about one
 * step, and those of one picture are held.
 */
const HELD = { buckets: 768 * 2 ** 20, exact: 48 * 2 ** 20 } as const

/**
 * The generator and MADGRAD's state where a training starts or goes on; frozen: the guidance models' weights, the
 * texts, and as 'carried' what a step carries that nothing was carried to.
 * @throws CHECKPOINT_INVALID
 */
export function trainedGenerator({
  runtime,
  guidance,
  targets,
  generator,
  settings,
  vectors,
}: TrainedGeneratorOptions): TrainedProgram<VectorName> {
  const parameters = vectors?.parameters ?? initialParameters(generator, settings.seed)
  const count = parameterCount(generator)
  for (const [name, { length }] of Object.entries(vectors ?? {})) {
    if (length !== count)
      throw new Text2LiveError(
        'CHECKPOINT_INVALID',
        `Expected the checkpoint to hold ${count} numbers of "${name}", as the generator of these settings has; it has ${length}.`,
      )
  }
  const vector = (data: Float32Array = new Float32Array(count)): Rows => ({ shape: [count], data })
  return new TrainedProgram({
    runtime,
    held: HELD[settings.sizes],
    // A program for each size: what one frees, the next one needs.
    keepMemory: false,
    state: {
      parameters: vector(parameters),
      initial: vector(vectors?.initial ?? parameters.slice()),
      gradientSum: vector(vectors?.gradientSum),
      squareSum: vector(vectors?.squareSum),
    },
    frozen: { ...frozenInputs(guidance, targets), carried: vector() },
  })
}

/** Runs training steps: builds the graph of each step and feeds it. */
export class StepRunner {
  readonly #trained: TrainedProgram<VectorName>
  readonly #options: StepRunnerOptions

  constructor(options: StepRunnerOptions) {
    this.#options = options
    this.#trained = trainedGenerator(options)
  }

  /**
   * One step over its items (paper, Eq. 2; the losses are means over the items). The whole photo leaves a gradient,
   * which the example's graph adds to its own before it updates the parameters.
   * @throws LOSS_NOT_FINITE, with the state as it was before the step
   */
  async step(request: StepRequest): Promise<StepResult> {
    return await this.#trained.pass(async (pass) => await this.#run(pass, request))
  }

  /**
   * The edit layer of a picture [4, H, W]: colour and opacity.
   * @param parameters other ones than the trained
   */
  async layer({ width, height, data }: FloatImage, parameters?: Float32Array): Promise<FloatImage> {
    const program = await this.#program(`layer ${width}x${height}`, { width, height }, () =>
      buildLayerGraph({ width, height }, this.#options.generator),
    )
    return await this.#trained.pass(async (pass) => {
      const { layer } = await pass.run(program, { picture: data, ...(parameters ? { parameters } : {}) })
      return { width, height, channels: 4, data: await pass.values(layer!) }
    })
  }

  /** Copies of the parameters and the optimizer's state. */
  async vectors(): Promise<Record<VectorName, Float32Array>> {
    return await this.#trained.vectors()
  }

  async dispose(): Promise<void> {
    await this.#trained.dispose()
  }

  async #run(pass: Pass, { items, shares, learningRate, bootstrapWeight, k }: StepRequest): Promise<StepResult> {
    const { settings } = this.#options
    const sum = new LossSum(settings, items.length)
    let carried: Readonly<Record<string, Feed>> = {}
    for (const [i, item] of [...items.entries()].reverse()) {
      const last = i === items.length - 1
      const weights = lossWeights(settings, bootstrapWeight, items.length, last)
      const after = await this.#runItem(pass, item, i === 0 ? 'update' : 'gradient', {
        ...carried,
        ...this.#itemFeeds(item),
        ...shareFeeds(shares),
        weights: Float32Array.from(weights),
        lambda: Float32Array.of(madgradLambda(learningRate, k)),
      })
      sum.add(await pass.finite(after.losses!, reportNames, (found) => trainingStopped(k + 1, found)), last)
      Object.values(carried).forEach((fed) => {
        pass.free(fed)
      })
      if (i > 0) carried = { carried: after.gradient! }
      else pass.becomeState(after)
    }
    return { losses: sum.result() }
  }

  #itemFeeds(item: StepItem): Record<string, Float32Array> {
    const feeds: Record<string, Float32Array> = {
      picture: item.picture.data,
      ...viewFeeds(item.views, item.picture, this.#options.settings),
    }
    for (const name of ['mask', 'relevancy', 'emphasis', 'first'] as const) {
      const map = item[name]
      if (map) feeds[name] = map.data
    }
    return { ...feeds, ...sightFeeds(item.sight) }
  }

  async #runItem(
    pass: Pass,
    item: StepItem,
    kind: StepPlan['kind'],
    feeds: Readonly<Record<string, Feed>> & { readonly weights: Float32Array },
  ): Promise<Outputs> {
    const { settings, generator, guidance } = this.#options
    const { width, height } = item.picture
    // A fed map costs nothing: its graph serves the steps after the bootstrap as well.
    const bootstrap = item.relevancy ? 'map' : feeds.weights[lossNames.indexOf('bootstrap')]! > 0 ? 'model' : 'off'
    const plan = {
      kind,
      bootstrap,
      settings,
      generator,
      size: { width, height },
      masked: item.mask !== undefined,
      held: item.first !== undefined,
      sight: item.sight !== undefined,
      emphasis: item.emphasis !== undefined,
      texts: textCounts(this.#options.targets),
    } as const
    const key = `${kind} ${width}x${height} ${bootstrap} ${plan.masked} ${plan.emphasis} ${plan.sight}`
    return await runPicture(
      pass,
      {
        plan,
        guidance,
        key,
        compile: (name, build, kept, lasting) => this.#program(name, plan.size, build, kept, lasting),
      },
      feeds,
    )
  }

  async #program(
    key: string,
    size: Size,
    build: () => StepGraph,
    kept: KeptOutputs = [],
    lasting = false,
  ): Promise<Program> {
    const onCompile = (seconds: number) => this.#options.onCompile?.({ ...size, seconds })
    return await this.#trained.program(key, build, kept, onCompile, lasting)
  }
}
