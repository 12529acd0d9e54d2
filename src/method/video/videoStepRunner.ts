import type { Feed, Program, Runtime } from '../../engine/runtime.js'
import type { KeptOutputs, Pass, TrainedProgram } from '../../engine/trainedProgram.js'
import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../../media/image.js'
import type { GeneratorShape } from '../../models/generator.js'
import type { GuidanceModel } from '../../models/guidance.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { runPicture } from '../judgedStep.js'
import { lossNames } from '../losses.js'
import { madgradLambda } from '../madgrad.js'
import {
  LossSum,
  type ViewSetDraws,
  lossWeights,
  reportNames,
  shareFeeds,
  textCounts,
  trainingStopped,
  viewFeeds,
} from '../stepFeeds.js'
import type { StepGraph } from '../stepGraph.js'
import { type StepResult, type VectorName, trainedGenerator } from '../stepRunner.js'
import type { TextShares, TextTargets } from '../textTargets.js'
import type { Size } from '../viewDraws.js'
import { type Sight, sightFeeds } from '../sight.js'
import { GeneratorPasses } from './generatorPasses.js'
import { buildMappedGraph, buildUpdateGraph } from './videoGraphs.js'

/** What one item of a step is compared by, at the item's size. */
interface ItemBase {
  readonly views: readonly ViewSetDraws[]
  readonly opacity?: FloatImage
  readonly relevancy?: FloatImage
  readonly emphasis?: FloatImage
  /** The learned start's layer [4], whose colours the edit is held to by `lambdaColour`; of a frame with the mask. */
  readonly first?: FloatImage
}

/** One frame that reads the atlas crop. */
export interface MappedItem extends ItemBase {
  readonly size: Size
  /** [h, w, 2], see `VideoSample`. */
  readonly grid: Float32Array
  /** The original frame, where the foreground is seen in it. */
  readonly frame?: FloatImage
}

/** A picture that goes through the generator itself: a frame crop, or the whole atlas. */
export interface DirectItem extends ItemBase {
  readonly picture: FloatImage
  readonly mask?: FloatImage
  /** What the generator sees of the picture. */
  readonly sight?: Sight
}

export interface VideoStepRequest {
  /** The atlas crop [3] and the mask of the edit on it. */
  readonly atlas: FloatImage
  /** The atlas crop as the generator sees it; default: as it is. */
  readonly shown?: FloatImage
  readonly mask?: FloatImage
  readonly mapped: readonly MappedItem[]
  /** The frame crop, then the whole atlas if it joins. */
  readonly direct: readonly DirectItem[]
  readonly shares: TextShares
  readonly learningRate: number
  readonly bootstrapWeight: number
  /** Steps done before this one. */
  readonly k: number
}

export interface VideoStepRunnerOptions {
  readonly runtime: Runtime
  readonly guidance: readonly GuidanceModel[]
  readonly targets: readonly TextTargets[]
  readonly settings: VideoSettings
  readonly generator: GeneratorShape
  readonly vectors?: Readonly<Record<VectorName, Float32Array>> | undefined
  readonly onCompile?: (size: { width: number; height: number; seconds: number }) => void
  /** See `GeneratorPasses`; tests run small pictures in strips. */
  readonly tiledFrom?: number
}

/**
 * Runs training steps on a layered atlas. A step is a chain of graphs, so that only one of its pictures is in memory at
 * a time: frame crop and whole atlas leave their gradients; the generator draws the layer of the atlas crop; each frame
 * adds what it asks of the layer; the generator's backward pass turns that into a gradient; MADGRAD updates.
 */
export class VideoStepRunner {
  readonly #trained: TrainedProgram<VectorName>
  readonly #passes: GeneratorPasses
  readonly #options: VideoStepRunnerOptions

  constructor(options: VideoStepRunnerOptions) {
    this.#options = options
    this.#trained = trainedGenerator(options)
    this.#passes = new GeneratorPasses(
      options.generator,
      (key, size, build, kept) => this.#program(key, size, build, kept),
      options.tiledFrom,
    )
  }

  /**
   * One step (supplement 3.1; the losses are means over all items).
   * @throws LOSS_NOT_FINITE, with the state as it was before the step
   */
  async step(request: VideoStepRequest): Promise<StepResult> {
    return await this.#trained.pass(async (pass) => await this.#run(pass, request))
  }

  /** The edit layer of a picture [4, H, W]: colour and opacity. */
  async layer(picture: FloatImage): Promise<FloatImage> {
    return await this.#trained.pass(async (pass) => {
      const layer = await this.#passes.forward(pass, picture, false)
      return { width: picture.width, height: picture.height, channels: 4, data: await pass.values(layer) }
    })
  }

  /** Copies of the parameters and the optimizer's state. */
  async vectors(): Promise<Record<VectorName, Float32Array>> {
    return await this.#trained.vectors()
  }

  async dispose(): Promise<void> {
    await this.#trained.dispose()
  }

  async #run(pass: Pass, request: VideoStepRequest): Promise<StepResult> {
    const { atlas, shown = atlas, mapped, direct, k } = request
    const { settings, generator } = this.#options
    const items = mapped.length + direct.length
    const sum = new LossSum(settings, items)
    const weightsOf = (last: boolean) => lossWeights(settings, request.bootstrapWeight, items, last)
    const fault = (found: string) => trainingStopped(k + 1, found)

    let carried: Feed | null = null
    for (const [i, item] of direct.entries()) {
      const last = i === direct.length - 1
      const after = await this.#runDirect(pass, item, request, weightsOf(last), carried)
      sum.add(await pass.finite(after['losses']!, reportNames, fault), last)
      if (carried) pass.free(carried)
      carried = after['gradient']!
    }
    const layer = await this.#passes.forward(pass, shown, true)
    let cotangent: Feed = new Float32Array(4 * atlas.height * atlas.width)
    for (const item of mapped) {
      const last = direct.length === 0 && item === mapped.at(-1)
      const after = await this.#runMapped(pass, item, request, weightsOf(last), {
        picture: atlas.data,
        layer,
        carriedLayer: cotangent,
      })
      sum.add(await pass.finite(after['losses']!, reportNames, fault), last)
      pass.free(cotangent)
      cotangent = after['layerGradient']!
    }
    pass.free(layer)
    const gradient = await this.#passes.backward(pass, shown, cotangent, carried)
    pass.free(cotangent)
    if (carried) pass.free(carried)
    const program = await this.#program('update', null, () => buildUpdateGraph(generator, settings))
    const after = await pass.run(program, { gradient, lambda: Float32Array.of(madgradLambda(request.learningRate, k)) })
    await pass.finite(
      after['lengths']!,
      [],
      () =>
        new Text2LiveError(
          'LOSS_NOT_FINITE',
          `Training stopped at step ${k + 1}: expected finite gradients and parameters, but one is not a number or infinite. ` +
            'The state before this step is kept. Lower --learning-rate or the loss weights and start again.',
        ),
    )
    pass.becomeState(after)
    return { losses: sum.result() }
  }

  async #runDirect(
    pass: Pass,
    item: DirectItem,
    request: VideoStepRequest,
    weights: readonly number[],
    carried: Feed | null,
  ) {
    const { settings, generator, guidance } = this.#options
    const plan = {
      ...this.#lossPlan(item, item.picture, weights),
      settings,
      generator,
      masked: item.mask !== undefined,
      opacity: item.opacity !== undefined,
      held: item.first !== undefined,
      sight: item.sight !== undefined,
      kind: 'gradient' as const,
    }
    const key = `direct ${keyOf(plan)} ${plan.opacity} ${plan.masked}`
    return await runPicture(
      pass,
      {
        plan,
        guidance,
        key,
        compile: (name, build, kept, lasting) => this.#program(name, plan.size, build, kept, lasting),
      },
      {
        ...this.#itemFeeds(item, item.picture, request.shares, weights),
        ...(item.mask ? { mask: item.mask.data } : {}),
        ...sightFeeds(item.sight),
        picture: item.picture.data,
        ...(carried ? { carried } : {}),
      },
    )
  }

  async #runMapped(
    pass: Pass,
    item: MappedItem,
    request: VideoStepRequest,
    weights: readonly number[],
    feeds: Readonly<Record<string, Feed>>,
  ) {
    const { width, height } = request.atlas
    const ground = item.opacity ? (item.frame ? 'frame' : 'black') : 'plain'
    const plan = {
      ...this.#lossPlan(item, item.size, weights),
      atlas: { width, height },
      masked: request.mask !== undefined,
      held: item.first !== undefined,
      ground,
    } as const
    const key = `mapped ${keyOf(plan)} ${width}x${height} ${ground} ${plan.masked}`
    const program = await this.#program(key, plan.size, () => buildMappedGraph(plan, this.#options.guidance), [
      'layerGradient',
    ])
    return await pass.run(program, {
      ...this.#itemFeeds(item, item.size, request.shares, weights),
      ...(request.mask ? { mask: request.mask.data } : {}),
      ...feeds,
      ...(item.frame ? { frame: item.frame.data } : {}),
      grid: item.grid,
    })
  }

  #lossPlan(item: ItemBase, { width, height }: Size, weights: readonly number[]) {
    // A fed map costs nothing: its graph serves the steps after the bootstrap as well.
    const bootstrap = item.relevancy
      ? ('map' as const)
      : weights[lossNames.indexOf('bootstrap')]! > 0
        ? ('model' as const)
        : ('off' as const)
    return {
      settings: this.#options.settings,
      size: { width, height },
      texts: textCounts(this.#options.targets),
      bootstrap,
      emphasis: item.emphasis !== undefined,
    }
  }

  #itemFeeds(item: ItemBase, size: Size, shares: TextShares, weights: readonly number[]): Record<string, Float32Array> {
    const feeds: Record<string, Float32Array> = {
      ...viewFeeds(item.views, size, this.#options.settings),
      ...shareFeeds(shares),
      weights: Float32Array.from(weights),
    }
    for (const name of ['opacity', 'relevancy', 'emphasis', 'first'] as const) {
      const map = item[name]
      if (map) feeds[name] = map.data
    }
    return feeds
  }

  /** @param size what is told of it; null: nothing is */
  async #program(
    key: string,
    size: Size | null,
    build: () => StepGraph,
    kept: KeptOutputs = [],
    lasting = false,
  ): Promise<Program> {
    const onCompile = (seconds: number) => {
      if (size) this.#options.onCompile?.({ width: size.width, height: size.height, seconds })
    }
    return await this.#trained.program(key, build, kept, onCompile, lasting)
  }
}

function keyOf({
  size,
  bootstrap,
  emphasis,
}: {
  readonly size: Size
  readonly bootstrap: string
  readonly emphasis: boolean
}): string {
  return `${size.width}x${size.height} ${bootstrap} ${emphasis}`
}
