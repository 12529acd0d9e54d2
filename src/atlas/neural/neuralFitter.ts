import type { Tensor } from 'onnxruntime-common'
import { Text2LiveError } from '../../errors.js'
import type { Program, Runtime } from '../../engine/runtime.js'
import { type AdamState, adamInit, adamRates } from '../../engine/adam.js'
import { initialWeights } from './atlasNetworks.js'
import { type NeuralLossName, neuralLossNames } from './neuralLosses.js'
import type { NeuralSettings } from './neuralSettings.js'
import { type StepGraph, buildFitStep, buildPretrainingStep } from './neuralStep.js'
import { type ClipPixel, type Feeds, type FitInput, drawPixels, fitBatch, pretrainingBatch } from './pointBatch.js'

/** Flat vectors of all parameters. */
export type NeuralVectors = { readonly parameters: Float32Array } & AdamState<Float32Array>
export const neuralVectorNames = ['parameters', 'mean', 'square'] as const

/** Unweighted losses of a step of the fit and their weighted sum; of a step of the pretraining, the distance from the grid per mapping and their sum. */
export type NeuralLosses = Readonly<Partial<Record<NeuralLossName | 'gridForeground' | 'gridBackground', number>> & { total: number }>

type Kind = 'pretraining' | 'globalRigidity' | 'localRigidity'

export interface NeuralFitterOptions {
  readonly runtime: Runtime
  readonly input: FitInput
  readonly settings: NeuralSettings
  readonly seed: number
  readonly vectors?: NeuralVectors
}

/** Runs the steps of a fit: owns the parameters, Adam's state and the compiled graph of the current kind of step. */
export class NeuralFitter {
  private program: { readonly kind: Kind; readonly program: Program } | null = null
  private state: Record<(typeof neuralVectorNames)[number], Tensor>

  constructor(private readonly options: NeuralFitterOptions) {
    const parameters = options.vectors?.parameters ?? initialWeights(options.settings.shapes, options.seed)
    const { mean, square } = options.vectors ?? adamInit(parameters.length)
    this.state = { parameters: this.vector(parameters), mean: this.vector(mean), square: this.vector(square) }
  }

  /** Step k of the pretraining, from 0. */
  async pretrain(k: number): Promise<NeuralLosses> {
    const { settings, input, seed } = this.options
    const losses = await this.step('pretraining', pretrainingBatch(input.frames, seed, k, settings.batch), k + 1)
    return { gridForeground: losses[0]!, gridBackground: losses[1]!, total: losses[2]! }
  }

  /** Iteration k of the fit, from 0: the optimizer starts anew at 0. `pixels`: instead of those drawn. */
  async fit(k: number, pixels?: readonly ClipPixel[]): Promise<NeuralLosses> {
    const { settings, input, seed } = this.options
    if (k === 0) {
      const { mean, square } = adamInit(this.state.parameters.dims[0]!)
      this.replace({ mean: this.vector(mean), square: this.vector(square) })
    }
    const global = k <= settings.globalRigidityUntil
    const weights = lossWeights(settings, k)
    const losses = await this.step(global ? 'globalRigidity' : 'localRigidity', {
      ...fitBatch(input, settings, pixels ?? drawPixels(input.frames, seed, k, settings.batch), global),
      weights: { shape: [weights.length], data: weights },
    }, k + 1)
    return Object.fromEntries([...neuralLossNames, 'total'].map((name, i) => [name, losses[i]!])) as NeuralLosses
  }

  async vectors(): Promise<NeuralVectors> {
    const read = async (name: (typeof neuralVectorNames)[number]) => [name, await this.options.runtime.download(this.state[name])] as const
    return Object.fromEntries(await Promise.all(neuralVectorNames.map(read))) as unknown as NeuralVectors
  }

  async dispose(): Promise<void> {
    Object.values(this.state).forEach(freeOnDevice)
    await this.program?.program.release()
    this.program = null
  }

  /** @returns the losses, then their weighted sum. */
  private async step(kind: Kind, feeds: Feeds, t: number): Promise<Float32Array> {
    const { learningRate } = this.options.settings
    const rates = adamRates(learningRate, t)
    const program = await this.compiled(kind)
    const scalar = (x: number) => new this.options.runtime.Tensor('float32', Float32Array.of(x), [])
    const fed = Object.fromEntries(Object.entries(feeds).map(([name, { shape, data }]) => [name, new this.options.runtime.Tensor('float32', data, shape)]))
    const after = await program.run({ ...fed, ...this.state, stepSize: scalar(rates.stepSize), correction: scalar(rates.correction) })
    const losses = await after.losses!.getData() as Float32Array
    if (!losses.every(Number.isFinite)) {
      Object.values(after).forEach(freeOnDevice)
      throw lossNotFinite(kind, t, losses)
    }
    this.replace({ parameters: after.newParameters!, mean: after.newMean!, square: after.newSquare! })
    return losses
  }

  private replace(next: Partial<typeof this.state>): void {
    for (const name of neuralVectorNames) if (next[name]) freeOnDevice(this.state[name])
    this.state = { ...this.state, ...next }
  }

  private async compiled(kind: Kind): Promise<Program> {
    if (this.program?.kind === kind) return this.program.program
    await this.program?.program.release()
    this.program = null
    const { settings, input, runtime } = this.options
    const longer = Math.max(input.frames.width, input.frames.height)
    const { graph, outputs }: StepGraph = kind === 'pretraining' ? buildPretrainingStep(settings) : buildFitStep(settings, longer, kind === 'globalRigidity')
    const program = await runtime.compile(graph, outputs, { keepOnDevice: ['newParameters', 'newMean', 'newSquare'] })
    this.program = { kind, program }
    return program
  }

  private vector(data: Float32Array): Tensor {
    return new this.options.runtime.Tensor('float32', data, [data.length])
  }
}

/** Factors of `neuralLossNames` at iteration k. */
function lossWeights({ weights, globalRigidityUntil, bootstrapUntil }: NeuralSettings, k: number): Float32Array {
  const global = k <= globalRigidityUntil ? 1 : 0
  const factor: Record<NeuralLossName, number> = {
    reconstruction: weights.reconstruction, gradient: weights.gradient, rigidityForeground: weights.rigidity, rigidityBackground: weights.rigidity,
    globalRigidityForeground: global * weights.globalRigidityForeground, globalRigidityBackground: global * weights.globalRigidityBackground,
    flowForeground: weights.flow, flowBackground: weights.flow, flowOpacity: weights.flowOpacity,
    bootstrap: k <= bootstrapUntil ? weights.bootstrap : 0, sparsity: weights.sparsity,
  }
  return Float32Array.from(neuralLossNames, (name) => factor[name])
}

function freeOnDevice(tensor: Tensor): void {
  if (tensor.location === 'gpu-buffer') tensor.dispose()
}

function lossNotFinite(kind: Kind, step: number, losses: Float32Array): Text2LiveError {
  const names = kind === 'pretraining' ? ['gridForeground', 'gridBackground'] : neuralLossNames
  const named = [...names, 'total', 'length of the gradient'].filter((_, i) => !Number.isFinite(losses[i]!))
  return new Text2LiveError('LOSS_NOT_FINITE', `The fit of the atlas stopped at ${kind === 'pretraining' ? 'pretraining step' : 'iteration'} ${step}: expected finite losses, but ${named.join(', ')} `
    + `${named.length > 1 ? 'are' : 'is'} not a number or infinite. The state before this step is kept. Lower the learning rate or the loss weights and start again.`)
}
