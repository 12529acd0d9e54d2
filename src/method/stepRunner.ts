import { Text2LiveError } from '../errors.js'
import type { Tensor } from 'onnxruntime-common'
import type { Program, Runtime } from '../engine/runtime.js'
import type { Uploaded } from '../engine/transfer.js'
import type { FloatImage } from '../media/image.js'
import { type GeneratorShape, initialParameters } from '../models/generator.js'
import type { GuidanceModel } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import { type LossName, lossNames } from './losses.js'
import { madgradLambda } from './madgrad.js'
import { ProgramCache } from './programCache.js'
import { LossSum, type ViewSetDraws, floatTensor, freeOnDevice, frozenFeeds, lossWeights, shareFeeds, textCounts, viewFeeds } from './stepFeeds.js'
import { type StepPlan, buildLayerGraph, buildStepGraph } from './stepGraph.js'
import type { TextShares, TextTargets } from './textTargets.js'

/** One picture of a step and everything drawn for it. */
export interface StepItem {
  /** RGB, [0, 1]. */
  readonly picture: FloatImage
  readonly views: readonly ViewSetDraws[]
  /** One channel of the picture's size each. */
  readonly mask?: FloatImage
  readonly relevancy?: FloatImage
  readonly emphasis?: FloatImage
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

/** Parameters and MADGRAD's state where a training starts or goes on, and a vector of zeros of their length: what a step carries that nothing was carried to. */
export function startState(
  runtime: Runtime, generator: GeneratorShape, seed: number, vectors: Readonly<Record<VectorName, Float32Array>> | undefined,
): { readonly state: Record<VectorName, Tensor>; readonly zeros: Tensor } {
  const fresh = vectors?.parameters ?? initialParameters(generator, seed)
  const expected = vectors === undefined ? fresh.length : initialParameters(generator, seed).length
  for (const [name, { length }] of Object.entries(vectors ?? {})) {
    if (length !== expected) throw new Text2LiveError('CHECKPOINT_INVALID', `Expected the checkpoint to hold ${expected} numbers of "${name}", as the generator of these settings has; it has ${length}.`)
  }
  const vector = (data: Float32Array) => floatTensor(runtime, { shape: [data.length], data })
  return {
    zeros: vector(new Float32Array(fresh.length)),
    state: {
      parameters: vector(fresh),
      initial: vector(vectors?.initial ?? fresh.slice()),
      gradientSum: vector(vectors?.gradientSum ?? new Float32Array(fresh.length)),
      squareSum: vector(vectors?.squareSum ?? new Float32Array(fresh.length)),
    },
  }
}

/** Compiled graphs held at once: with bucketed sizes all of a run fit; with exact sizes each serves about one step. */
const PROGRAMS_HELD = { buckets: 4, exact: 1 } as const

/** Runs training steps: owns the parameters, the optimizer's state, the frozen weights and the compiled graphs. */
export class StepRunner {
  private readonly programs: ProgramCache
  private readonly weights: Readonly<Record<string, Tensor>>
  private frozen: Uploaded | null = null
  private state: Record<VectorName, Tensor>

  constructor(private readonly options: StepRunnerOptions) {
    const { guidance, targets, generator, settings, vectors } = options
    const weights = frozenFeeds(options.runtime, guidance, targets)
    this.programs = new ProgramCache(PROGRAMS_HELD[settings.sizes])
    const { state, zeros } = startState(options.runtime, generator, settings.seed, vectors)
    // What a step carries that no whole photo joins.
    weights['carried'] = zeros
    this.weights = weights
    this.state = state
  }

  /**
   * One step over its items (paper, Eq. 2; the losses are means over the items). The whole photo leaves a gradient, which
   * the example's graph adds to its own before it updates the parameters.
   * @throws LOSS_NOT_FINITE, with the state as it was before the step
   */
  async step(request: StepRequest): Promise<StepResult> {
    const { items, k } = request
    const sum = new LossSum(this.options.settings, items.length)
    this.frozen ??= await this.options.runtime.upload(this.weights)
    let carried: Tensor | null = null
    let after: Record<string, Tensor> = {}
    for (let i = items.length - 1; i >= 0; i--) {
      const item = items[i]!
      const last = i === items.length - 1
      const weights = lossWeights(this.options.settings, request.bootstrapWeight, items.length, last)
      const program = await this.program(item, i === 0 ? 'update' : 'gradient', weights)
      after = await program.run({
        ...this.frozen.tensors, ...this.itemFeeds(item, request.shares), ...this.state, ...(carried ? { carried } : {}),
        weights: this.tensor({ shape: [lossNames.length], data: Float32Array.from(weights) }),
        lambda: this.tensor({ shape: [], data: Float32Array.of(madgradLambda(request.learningRate, k)) }),
      })
      const losses = await after.losses!.getData() as Float32Array
      if (carried) freeOnDevice(carried)
      try {
        sum.add(losses, last, k + 1)
      } catch (error) {
        Object.values(after).forEach(freeOnDevice)
        throw error
      }
      if (i > 0) carried = after.gradient!
    }
    const { parameters, gradientSum, squareSum } = this.state
    this.state = { ...this.state, parameters: after.newParameters!, gradientSum: after.newGradientSum!, squareSum: after.newSquareSum! }
    for (const old of [parameters, gradientSum, squareSum]) freeOnDevice(old)
    return { losses: sum.result() }
  }

  /** The edit layer of a picture [4, H, W]: colour and opacity. */
  async layer(picture: FloatImage): Promise<FloatImage> {
    const { width, height } = picture
    const key = `layer ${width}x${height}`
    const program = await this.programs.get(key, () => this.compile(width, height, () => buildLayerGraph({ width, height }, this.options.generator)))
    const result = await program.run({ picture: this.picture(picture), parameters: this.state.parameters })
    return { width, height, channels: 4, data: await result.layer!.getData() as Float32Array }
  }

  /** Copies of the parameters and the optimizer's state. */
  async vectors(): Promise<Record<VectorName, Float32Array>> {
    const read = async (name: VectorName) => [name, await this.options.runtime.download(this.state[name])] as const
    return Object.fromEntries(await Promise.all(vectorNames.map(read))) as Record<VectorName, Float32Array>
  }

  async dispose(): Promise<void> {
    Object.values(this.state).forEach(freeOnDevice)
    await this.frozen?.release()
    this.frozen = null
    await this.programs.clear()
  }

  private itemFeeds(item: StepItem, shares: TextShares): Record<string, Tensor> {
    const { width, height } = item.picture
    const feeds: Record<string, Tensor> = {
      picture: this.picture(item.picture), ...viewFeeds(this.options.runtime, item.views, item.picture, this.options.settings), ...shareFeeds(this.options.runtime, shares),
    }
    for (const name of ['mask', 'relevancy', 'emphasis'] as const) {
      const map = item[name]
      if (map) feeds[name] = this.tensor({ shape: [1, 1, height, width], data: map.data })
    }
    return feeds
  }

  private async program(item: StepItem, kind: StepPlan['kind'], weights: readonly number[]): Promise<Program> {
    const { settings, generator, guidance } = this.options
    const { width, height } = item.picture
    // A fed map costs nothing: its graph serves the steps after the bootstrap as well.
    const bootstrap = item.relevancy ? 'map' : weights[lossNames.indexOf('bootstrap')]! > 0 ? 'model' : 'off'
    const [masked, emphasis] = [item.mask !== undefined, item.emphasis !== undefined]
    const key = `${kind} ${width}x${height} ${bootstrap} ${masked} ${emphasis}`
    const plan: StepPlan = { kind, bootstrap, settings, generator, size: { width, height }, masked, emphasis, texts: textCounts(this.options.targets) }
    return await this.programs.get(key, () => this.compile(width, height, () => buildStepGraph(plan, guidance)))
  }

  private async compile(width: number, height: number, build: () => ReturnType<typeof buildStepGraph>): Promise<Program> {
    const start = performance.now()
    const { graph, outputs } = build()
    const keepOnDevice = ['newParameters', 'newGradientSum', 'newSquareSum', 'gradient']
    // A program for each size: what one frees, the next one needs.
    const program = await this.options.runtime.compile(graph, outputs, { keepOnDevice, keepMemory: false })
    this.options.onCompile?.({ width, height, seconds: (performance.now() - start) / 1000 })
    return program
  }

  private picture({ width, height, data }: FloatImage): Tensor {
    return this.tensor({ shape: [1, 3, height, width], data })
  }

  private tensor(rows: { readonly shape: readonly number[]; readonly data: Float32Array }): Tensor {
    return floatTensor(this.options.runtime, rows)
  }
}
