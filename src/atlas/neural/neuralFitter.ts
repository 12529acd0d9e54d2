import { type AdamState, adamInit, adamRates } from '../../engine/adam.js'
import type { Runtime } from '../../engine/runtime.js'
import { type Rows, TrainedProgram } from '../../engine/trainedProgram.js'
import { Text2LiveError } from '../../errors.js'
import { initialWeights, networkNames, weightCount } from './atlasNetworks.js'
import { type NeuralLossName, neuralLossNames } from './neuralLosses.js'
import type { NeuralSettings } from './neuralSettings.js'
import { type StepGraph, buildFitStep, buildPretrainingStep } from './neuralStep.js'
import { type ClipPixel, type Feeds, type FitInput, drawPixels, fitBatch, pretrainingBatch } from './pointBatch.js'

/** Flat vectors of all parameters. */
export type NeuralVectors = { readonly parameters: Float32Array } & AdamState<Float32Array>
export const neuralVectorNames = ['parameters', 'mean', 'square'] as const

/**
 * Unweighted losses of a step of the fit and their weighted sum; of a step of the pretraining, the distance from the
 * grid per mapping and their sum.
 */
export type NeuralLosses = Readonly<
  Partial<Record<NeuralLossName | 'gridForeground' | 'gridBackground', number>> & { total: number }
>

type Kind = 'pretraining' | 'globalRigidity' | 'localRigidity'

export interface NeuralFitterOptions {
  readonly runtime: Runtime
  readonly input: FitInput
  readonly settings: NeuralSettings
  readonly seed: number
  readonly vectors?: NeuralVectors
}

/** Runs the steps of a fit: builds the graph of the current kind of step and feeds it. */
export class NeuralFitter {
  readonly #trained: TrainedProgram<(typeof neuralVectorNames)[number]>

  readonly #options: NeuralFitterOptions

  constructor(options: NeuralFitterOptions) {
    this.#options = options
    const parameters = options.vectors?.parameters ?? initialWeights(options.settings.shapes, options.seed)
    const { mean, square } = options.vectors ?? adamInit(parameters.length)
    // Kinds follow one another: one graph is held.
    this.#trained = new TrainedProgram({
      runtime: options.runtime,
      held: 0,
      state: { parameters: vector(parameters), mean: vector(mean), square: vector(square) },
    })
  }

  /** Step k of the pretraining, from 0. @throws LOSS_NOT_FINITE, with the state as it was before the step */
  async pretrain(k: number): Promise<NeuralLosses> {
    const { settings, input, seed } = this.#options
    const losses = await this.#step('pretraining', pretrainingBatch(input.frames, seed, k, settings.batch), k + 1)
    return { gridForeground: losses[0]!, gridBackground: losses[1]!, total: losses[2]! }
  }

  /**
   * Iteration k of the fit, from 0: the optimizer starts anew at 0. `pixels`: instead of those drawn. @throws
   * LOSS_NOT_FINITE, with the state as it was before the step
   */
  async fit(k: number, pixels?: readonly ClipPixel[]): Promise<NeuralLosses> {
    const { settings, input, seed } = this.#options
    if (k === 0) {
      const { mean, square } = adamInit(networkNames.reduce((sum, name) => sum + weightCount(settings.shapes[name]), 0))
      this.#trained.restart({ mean: vector(mean), square: vector(square) })
    }
    const global = k <= settings.globalRigidityUntil
    const losses = await this.#step(
      global ? 'globalRigidity' : 'localRigidity',
      {
        ...fitBatch(input, settings, pixels ?? drawPixels(input.frames, seed, k, settings.batch), global),
        weights: lossWeights(settings, k),
      },
      k + 1,
    )
    return Object.fromEntries([...neuralLossNames, 'total'].map((name, i) => [name, losses[i]!])) as NeuralLosses
  }

  async vectors(): Promise<NeuralVectors> {
    return await this.#trained.vectors()
  }

  async dispose(): Promise<void> {
    await this.#trained.dispose()
  }

  /** @returns the losses, then their weighted sum. */
  async #step(kind: Kind, feeds: Feeds, t: number): Promise<Float32Array> {
    const { stepSize, correction } = adamRates(this.#options.settings.learningRate, t)
    const program = await this.#trained.program(kind, () => this.#graph(kind))
    return await this.#trained.pass(async (pass) => {
      const after = await pass.run(program, {
        ...feeds,
        stepSize: Float32Array.of(stepSize),
        correction: Float32Array.of(correction),
      })
      const names = kind === 'pretraining' ? ['gridForeground', 'gridBackground'] : neuralLossNames
      const losses = await pass.finite(after.losses!, [...names, 'total', 'length of the gradient'], (found) =>
        fitStopped(kind, t, found),
      )
      pass.becomeState(after)
      return losses
    })
  }

  #graph(kind: Kind): StepGraph {
    const {
      settings,
      input: { frames },
    } = this.#options
    return kind === 'pretraining'
      ? buildPretrainingStep(settings)
      : buildFitStep(settings, Math.max(frames.width, frames.height), kind === 'globalRigidity')
  }
}

function vector(data: Float32Array): Rows {
  return { shape: [data.length], data }
}

/** Factors of `neuralLossNames` at iteration k. */
function lossWeights({ weights, globalRigidityUntil, bootstrapUntil }: NeuralSettings, k: number): Float32Array {
  const global = k <= globalRigidityUntil ? 1 : 0
  const factor: Record<NeuralLossName, number> = {
    reconstruction: weights.reconstruction,
    gradient: weights.gradient,
    rigidityForeground: weights.rigidity,
    rigidityBackground: weights.rigidity,
    globalRigidityForeground: global * weights.globalRigidityForeground,
    globalRigidityBackground: global * weights.globalRigidityBackground,
    flowForeground: weights.flow,
    flowBackground: weights.flow,
    flowOpacity: weights.flowOpacity,
    bootstrap: k <= bootstrapUntil ? weights.bootstrap : 0,
    sparsity: weights.sparsity,
  }
  return Float32Array.from(neuralLossNames.map((name) => factor[name]))
}

function fitStopped(kind: Kind, step: number, found: string): Text2LiveError {
  return new Text2LiveError(
    'LOSS_NOT_FINITE',
    `The fit of the atlas stopped at ${kind === 'pretraining' ? 'pretraining step' : 'iteration'} ${step}: expected finite losses, but ${found}. ` +
      'The state before this step is kept. Lower the learning rate or the loss weights and start again.',
  )
}
