import type { Tensor } from 'onnxruntime-common'
import type { Program, Runtime } from '../../engine/runtime.js'
import type { Uploaded } from '../../engine/transfer.js'
import { Text2LiveError } from '../../errors.js'
import type { FloatImage } from '../../media/image.js'
import type { GeneratorShape } from '../../models/generator.js'
import type { GuidanceModel } from '../../models/guidance.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { lossNames } from '../losses.js'
import { madgradLambda } from '../madgrad.js'
import { ProgramCache } from '../programCache.js'
import { LossSum, type ViewSetDraws, floatTensor, freeOnDevice, frozenFeeds, lossWeights, shareFeeds, textCounts, viewFeeds } from '../stepFeeds.js'
import { type StepGraph, buildStepGraph } from '../stepGraph.js'
import { type StepResult, type VectorName, startState, vectorNames } from '../stepRunner.js'
import type { TextShares, TextTargets } from '../textTargets.js'
import type { Size } from '../viewDraws.js'
import { GeneratorPasses } from './generatorPasses.js'
import { buildMappedGraph, buildUpdateGraph } from './videoGraphs.js'

/** What one item of a step is compared by, at the item's size. */
interface ItemBase {
  readonly views: readonly ViewSetDraws[]
  readonly opacity?: FloatImage
  readonly relevancy?: FloatImage
  readonly emphasis?: FloatImage
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
}

export interface VideoStepRequest {
  /** The atlas crop [3] and the mask of the edit on it. */
  readonly atlas: FloatImage
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
}

/** Compiled graphs held at once; each keeps the memory of its largest run. With exact sizes a graph serves about one step. */
const PROGRAMS_HELD = { buckets: 12, exact: 1 } as const

/**
 * Runs training steps on a layered atlas. A step is a chain of graphs, so that only one of its pictures is in memory at a time: frame crop and whole
 * atlas leave their gradients; the generator draws the layer of the atlas crop; each frame adds what it asks of the layer; the generator's backward pass
 * turns that into a gradient; MADGRAD updates.
 */
export class VideoStepRunner {
  private readonly programs: ProgramCache
  private readonly frozenInputs: Readonly<Record<string, Tensor>>
  private readonly passes: GeneratorPasses
  private readonly nothingCarried: Tensor
  private frozen: Uploaded | null = null
  private state: Record<VectorName, Tensor>

  constructor(private readonly options: VideoStepRunnerOptions) {
    const { runtime, guidance, targets, generator, settings, vectors } = options
    this.programs = new ProgramCache(PROGRAMS_HELD[settings.sizes])
    this.frozenInputs = frozenFeeds(runtime, guidance, targets)
    this.passes = new GeneratorPasses(runtime, generator, (key, size, build) => this.program(key, size, build))
    const { state, zeros } = startState(runtime, generator, settings.seed, vectors)
    this.nothingCarried = zeros
    this.state = state
  }

  /**
   * One step (supplement 3.1; the losses are means over all items).
   * @throws LOSS_NOT_FINITE, with the state as it was before the step
   */
  async step(request: VideoStepRequest): Promise<StepResult> {
    const { atlas, mapped, direct, k } = request
    const { settings } = this.options
    const items = mapped.length + direct.length
    const sum = new LossSum(settings, items)
    this.frozen ??= await this.options.runtime.upload(this.frozenInputs)
    const weightsOf = (last: boolean) => lossWeights(settings, request.bootstrapWeight, items, last)

    let carried = this.nothingCarried
    for (const [i, item] of direct.entries()) {
      const last = i === direct.length - 1
      const after = await this.runDirect(item, request, weightsOf(last), carried)
      sum.add(await valuesOf(after['losses']!), last, k + 1)
      if (i > 0) freeOnDevice(carried)
      carried = after['gradient']!
    }
    const picture = this.image(atlas)
    const layer = await this.passes.forward(picture, this.state.parameters, true)
    let cotangent = floatTensor(this.options.runtime, { shape: layer.dims, data: new Float32Array(layer.size) })
    for (const item of mapped) {
      const last = direct.length === 0 && item === mapped.at(-1)
      const after = await this.runMapped(item, request, weightsOf(last), { picture, layer, carriedLayer: cotangent })
      sum.add(await valuesOf(after['losses']!), last, k + 1)
      freeOnDevice(cotangent)
      cotangent = after['layerGradient']!
    }
    freeOnDevice(layer)
    const gradient = await this.passes.backward(picture, this.state.parameters, cotangent, carried)
    freeOnDevice(cotangent)
    if (carried !== this.nothingCarried) freeOnDevice(carried)
    await this.update(gradient, madgradLambda(request.learningRate, k), k + 1)
    return { losses: sum.result() }
  }

  /** The edit layer of a picture [4, H, W]: colour and opacity. */
  async layer(picture: FloatImage): Promise<FloatImage> {
    const layer = await this.passes.forward(this.image(picture), this.state.parameters, false)
    return { width: picture.width, height: picture.height, channels: 4, data: await this.options.runtime.download(layer) }
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

  private async runDirect(item: DirectItem, request: VideoStepRequest, weights: readonly number[], carried: Tensor): Promise<Record<string, Tensor>> {
    const { settings, generator, guidance } = this.options
    const plan = {
      ...this.lossPlan(item, item.picture, weights), settings, generator, masked: item.mask !== undefined, opacity: item.opacity !== undefined, kind: 'gradient' as const,
    }
    const key = `direct ${keyOf(plan)} ${plan.opacity} ${plan.masked}`
    const program = await this.program(key, plan.size, () => buildStepGraph(plan, guidance))
    return await program.run({
      ...this.itemFeeds(item, item.picture, request.shares, weights), ...(item.mask ? { mask: this.image(item.mask) } : {}),
      picture: this.image(item.picture), parameters: this.state.parameters, carried,
    })
  }

  private async runMapped(item: MappedItem, request: VideoStepRequest, weights: readonly number[], feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    const { width, height } = request.atlas
    const ground = item.opacity ? (item.frame ? 'frame' : 'black') : 'plain'
    const plan = { ...this.lossPlan(item, item.size, weights), atlas: { width, height }, masked: request.mask !== undefined, ground } as const
    const key = `mapped ${keyOf(plan)} ${width}x${height} ${ground} ${plan.masked}`
    const program = await this.program(key, plan.size, () => buildMappedGraph(plan, this.options.guidance))
    return await program.run({
      ...this.itemFeeds(item, item.size, request.shares, weights), ...(request.mask ? { mask: this.image(request.mask) } : {}), ...feeds,
      ...(item.frame ? { frame: this.image(item.frame) } : {}),
      grid: floatTensor(this.options.runtime, { shape: [1, item.size.height, item.size.width, 2], data: item.grid }),
    })
  }

  private async update(gradient: Tensor, lambda: number, step: number): Promise<void> {
    const { settings, generator, runtime } = this.options
    const program = await this.program('update', { width: 0, height: 0 }, () => buildUpdateGraph(generator, settings))
    const after = await program.run({ ...this.state, gradient, lambda: floatTensor(runtime, { shape: [], data: Float32Array.of(lambda) }) })
    freeOnDevice(gradient)
    const [lengths] = await valuesOf(after['lengths']!)
    if (!Number.isFinite(lengths)) {
      Object.values(after).forEach(freeOnDevice)
      throw new Text2LiveError('LOSS_NOT_FINITE',
        `Training stopped at step ${step}: expected finite gradients and parameters, but one is not a number or infinite. `
        + 'The state before this step is kept. Lower --learning-rate or the loss weights and start again.')
    }
    const { parameters, gradientSum, squareSum } = this.state
    this.state = { ...this.state, parameters: after['newParameters']!, gradientSum: after['newGradientSum']!, squareSum: after['newSquareSum']! }
    for (const old of [parameters, gradientSum, squareSum]) freeOnDevice(old)
  }

  private lossPlan(item: ItemBase, { width, height }: Size, weights: readonly number[]) {
    // A fed map costs nothing: its graph serves the steps after the bootstrap as well.
    const bootstrap = item.relevancy ? 'map' as const : weights[lossNames.indexOf('bootstrap')]! > 0 ? 'model' as const : 'off' as const
    return { settings: this.options.settings, size: { width, height }, texts: textCounts(this.options.targets), bootstrap, emphasis: item.emphasis !== undefined }
  }

  private itemFeeds(item: ItemBase, size: Size, shares: TextShares, weights: readonly number[]): Record<string, Tensor> {
    const { runtime, settings } = this.options
    const feeds: Record<string, Tensor> = {
      ...this.frozen!.tensors, ...viewFeeds(runtime, item.views, size, settings), ...shareFeeds(runtime, shares),
      weights: floatTensor(runtime, { shape: [lossNames.length], data: Float32Array.from(weights) }),
    }
    for (const name of ['opacity', 'relevancy', 'emphasis'] as const) {
      const map = item[name]
      if (map) feeds[name] = this.image(map)
    }
    return feeds
  }

  private async program(key: string, { width, height }: Size, build: () => StepGraph): Promise<Program> {
    return await this.programs.get(key, async () => {
      const start = performance.now()
      const { graph, outputs } = build()
      const keepOnDevice = ['newParameters', 'newGradientSum', 'newSquareSum', 'gradient', 'layer', 'layerGradient']
      // A program for each size: what one frees, the next one needs.
      const program = await this.options.runtime.compile(graph, outputs, { keepOnDevice, keepMemory: false })
      if (width > 0) this.options.onCompile?.({ width, height, seconds: (performance.now() - start) / 1000 })
      return program
    })
  }

  private image({ width, height, channels, data }: FloatImage): Tensor {
    return floatTensor(this.options.runtime, { shape: [1, channels, height, width], data })
  }
}

function keyOf({ size, bootstrap, emphasis }: { readonly size: Size; readonly bootstrap: string; readonly emphasis: boolean }): string {
  return `${size.width}x${size.height} ${bootstrap} ${emphasis}`
}

async function valuesOf(tensor: Tensor): Promise<Float32Array> {
  return await tensor.getData() as Float32Array
}
